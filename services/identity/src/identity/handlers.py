"""Identity's use cases, one function each."""

from dataclasses import dataclass, replace
from typing import Any

from opentelemetry import trace
from pymongo.errors import DuplicateKeyError

from common.auth import Caller
from common.errors import NotFound
from common.ids import new_id
from common.relay import StateRelay
from common.telemetry import traceparent_of
from identity.clients import Passwords
from identity.domain import (
    OWNER_PERMISSIONS,
    PLATFORM,
    OwnerFixed,
    Partner,
    User,
    check_grant,
)
from identity.storage import Store


@dataclass
class Identity:
    """What the use cases work with."""

    store: Store
    passwords: Passwords
    partner_relay: StateRelay
    user_relay: StateRelay
    """Says whose tokens are refused from now on."""


async def create_partner(
    identity: Identity, partner: Partner, owner: User, password: str, request: str | None
) -> Partner:
    """A new partner and its owner, who may do everything but what only staff may.

    The owner is written first, because his address is what can be taken; a crash in between leaves an owner whose
    partner is missing, which the repeated request (same `Idempotency-Key`) completes.
    Raises EmailTaken, PasswordTooEasy.
    """
    if request and (made := await identity.store.partner_of_request(request)):
        return made
    existing = await identity.store.user_by_email_of_all_partners(owner.email)
    if existing and existing.is_owner and await _is_unfinished(identity, existing, password):
        partner = replace(partner, id=existing.partner_id, owner_id=existing.id)
    else:
        password_hash = await identity.passwords.hash(password, owner.email, owner.name, partner.name)
        await identity.store.add_user(replace(owner, password_hash=password_hash, permissions=OWNER_PERMISSIONS))
    try:
        await identity.store.add_partner(partner, _trace(), request)
    except DuplicateKeyError:
        made = await identity.store.partner_of_request(request or "") or await identity.store.partner(partner.id)
        if made is None:
            raise
        return made
    identity.partner_relay.wake()
    return partner


async def _is_unfinished(identity: Identity, owner: User, password: str) -> bool:
    """True when the owner's partner was never written, and the caller knows the owner's password."""
    partner = await identity.store.partner(owner.partner_id)
    return partner is None and await identity.passwords.matches(password, owner.password_hash)


async def change_partner(identity: Identity, partner_id: str, change: dict[str, Any]) -> Partner:
    """Change some fields of the caller's partner, and announce it. Raises NotFound."""
    partner = await identity.store.change_partner(partner_id, change, _trace())
    if partner is None:
        raise NotFound("There is no such partner.")
    identity.partner_relay.wake()
    return partner


async def own_partner(identity: Identity, partner_id: str) -> Partner:
    """Raises NotFound."""
    partner = await identity.store.partner(partner_id)
    if partner is None:
        raise NotFound("There is no such partner.")
    return partner


async def create_user(identity: Identity, caller: Caller, user: User, password: str) -> User:
    """A further user of the caller's partner. Raises EmailTaken, CannotGrant, PasswordTooEasy."""
    check_grant(caller.permissions, user.may)
    user = replace(user, password_hash=await identity.passwords.hash(password, user.email, user.name))
    await identity.store.add_user(user)
    return user


async def change_user(
    identity: Identity, caller: Caller, user_id: str, change: dict[str, Any], password: str | None
) -> User:
    """Change name, permissions, roles or password of a user of the caller's partner. Whatever his tokens say otherwise
    is refused from now on, and a new password ends his sessions.

    Raises NotFound, CannotGrant, PasswordTooEasy, and OwnerFixed for the owner's permissions, or anything of his by
    another.
    """
    user = await _known(identity, caller.partner_id, user_id)
    gives = {"permissions", "roles"} & change.keys()
    if user.is_owner and (gives or caller.user_id != user.id):
        raise OwnerFixed("The owner keeps all permissions; only he changes his own name and password.")
    if gives:
        permissions, roles = change.get("permissions", user.permissions), change.get("roles", user.roles)
        becomes = replace(user, permissions=frozenset(permissions), roles=frozenset(roles))
        check_grant(caller.permissions, becomes.may ^ user.may)
    if password is not None:
        if user.id != caller.user_id:
            # Whoever sets another's password can act as him: he must not gain permissions by that.
            check_grant(caller.permissions, user.may)
        change["password_hash"] = await identity.passwords.hash(password, user.email, user.name)
    changed = await _write(identity, user, change, sign_out=password is not None)
    if changed is None:
        raise NotFound("There is no such user.")
    return changed


async def _write(identity: Identity, user: User, change: dict[str, Any], *, sign_out: bool) -> User | None:
    if not change:
        return user
    if change.keys() == {"name"}:
        return await identity.store.rename_user(user.partner_id, user.id, change["name"])
    changed = await identity.store.revoke(user.partner_id, user.id, change, trace=_trace(), sign_out=sign_out)
    identity.user_relay.wake()
    return changed


async def remove_user(identity: Identity, caller: Caller, user_id: str) -> None:
    """Raises NotFound, OwnerFixed."""
    user = await _known(identity, caller.partner_id, user_id)
    if user.is_owner:
        raise OwnerFixed("The owner cannot be deleted.")
    await identity.store.remove_user(caller.partner_id, user_id, _trace())
    identity.user_relay.wake()


async def _known(identity: Identity, partner_id: str, user_id: str) -> User:
    user = await identity.store.user(partner_id, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


async def create_staff(identity: Identity, email: str, password: str, permissions: frozenset[str]) -> bool:
    """A user of the platform itself; False when he is there already, who then gets the permissions that came since."""
    if known := await identity.store.user_by_email_of_all_partners(email.casefold()):
        change = {"permissions": sorted(permissions)}
        await identity.store.revoke(PLATFORM, known.id, change, trace=None, sign_out=False)
        return False
    password_hash = await identity.passwords.hash(password, email)
    user = User(new_id("usr"), PLATFORM, email.casefold(), "Staff", permissions, password_hash)
    await identity.store.add_user(user)
    return True


def _trace() -> str | None:
    return traceparent_of(trace.get_current_span())
