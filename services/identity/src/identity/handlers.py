"""Identity's use cases, one function each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from pymongo.errors import DuplicateKeyError

from common.auth import Caller
from common.errors import Conflict, NotFound
from common.events import Language
from common.ids import new_id
from common.relay import StateRelay
from common.telemetry import current_traceparent
from identity.domain import (
    OWNER_PERMISSIONS,
    PLATFORM,
    EmailTaken,
    OwnerFixed,
    Partner,
    User,
    check_grant,
    check_take,
    folded,
)
from identity.mails import handlers as mail_handlers
from identity.mails.domain import Addressee, LetterKind, Mailing
from identity.mails.handlers import Mails
from identity.passwords.clients import Passwords
from identity.storage import Store
from identity.throttling.handlers import Throttle, give_back, take_mail

TRIES = 5
PLATFORM_NAME: tuple[str, Language] = ("Switchboard", "en")
"""Staff's company, which is no partner, and its language."""


@dataclass
class Identity:
    """What the use cases work with."""

    store: Store
    passwords: Passwords
    mails: Mails
    throttle: Throttle
    partner_relay: StateRelay
    user_relay: StateRelay
    """Says whose tokens are refused from now on."""


async def create_partner(
    identity: Identity, partner: Partner, owner: User, password: str | None, request: str | None
) -> Partner:
    """A new partner and its owner, who may do everything but what only staff may. Without a password he is invited.

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
        owner = replace(owner, permissions=OWNER_PERMISSIONS)
        await _add_user(identity, owner, partner, password, [owner.email, owner.name, partner.name])
    try:
        await identity.store.add_partner(partner, current_traceparent(), request)
    except DuplicateKeyError:
        made = await identity.store.partner_of_request(request or "") or await identity.store.partner(partner.id)
        if made is None:
            raise
        return made
    identity.partner_relay.wake()
    return partner


async def _is_unfinished(identity: Identity, owner: User, password: str | None) -> bool:
    """True when the owner's partner was never written, and the caller knows the owner's password, if he has one."""
    if await identity.store.partner(owner.partner_id):
        return False
    if password is None:
        return owner.is_invited
    async with identity.passwords.turn():
        return await identity.passwords.matches(password, owner.password_hash)


async def _add_user(
    identity: Identity, user: User, partner: Partner | None, password: str | None, about: Sequence[str]
) -> User:
    """With a password, or with an invitation. Raises EmailTaken, PasswordTooEasy."""
    if password is not None:
        user = replace(user, password_hash=await identity.passwords.hash(password, *about))
        await identity.store.add_user(user)
    else:
        invitation = mail_handlers.write(identity.mails, LetterKind.INVITATION, _addressee(user, partner))
        await identity.store.add_user(user, invitation)
        identity.mails.written.set()
    return user


async def letter_to(
    identity: Identity, user: User, kind: LetterKind, *, address: str | None = None, asked_by: str = "",
    asked_at: datetime | None = None,
) -> Mailing:  # fmt: skip
    """A letter to a user, at his own or at another `address`, to be kept by the write that it is about."""
    partner = await identity.store.partner(user.partner_id)
    return mail_handlers.write(identity.mails, kind, _addressee(user, partner, address), asked_by, asked_at)


async def secure(
    identity: Identity, user: User, change: Mapping[str, Any], *, news: Mailing | None, sign_out: bool,
    where: Mapping[str, Any] | None = None, also: Mapping[str, dict[str, Any]] | None = None,
) -> User | None:  # fmt: skip
    """Change how a user signs in, and tell him; None when `where` is not true of him (any more).

    Raises EmailTaken, or Conflict for whatever else is taken.
    """
    changed = await identity.store.secure(
        user, change, trace=current_traceparent(), sign_out=sign_out, news=news, where=where, also=also
    )
    identity.user_relay.wake()
    identity.mails.written.set()
    return changed


def _addressee(user: User, partner: Partner | None, address: str | None = None) -> Addressee:
    company, language = (partner.name, cast(Language, partner.language)) if partner else PLATFORM_NAME
    return Addressee(user.id, address or user.email, user.name, company, language)


async def change_partner(identity: Identity, partner_id: str, change: dict[str, Any]) -> Partner:
    """Change some fields of a partner, and announce it. Raises NotFound."""
    partner = await identity.store.change_partner(partner_id, change, current_traceparent())
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


async def create_user(identity: Identity, caller: Caller, user: User, password: str | None) -> User:
    """A further user of the caller's partner, invited if there is no password.

    Raises EmailTaken, CannotGrant, PasswordTooEasy, TooManyAttempts.
    """
    check_grant(await what_he_gives(identity.store, caller), user.may)
    if password is not None:
        return await _add_user(identity, user, None, password, [user.email, user.name])
    # Whoever makes and deletes the same user again and again fills nobody's mailbox.
    taken, partner = await take_mail(identity.throttle, user.email), await identity.store.partner(caller.partner_id)
    try:
        return await _add_user(identity, user, partner, None, [])
    except EmailTaken:
        await give_back(identity.throttle, taken)
        raise


async def change_user(identity: Identity, caller: Caller, user_id: str, change: dict[str, Any]) -> User:
    """Change name, permissions or roles of a user of the caller's partner. Whatever his tokens say otherwise is refused
    from now on.

    Raises NotFound, CannotGrant, OwnerFixed for the owner's permissions, or anything of his by another, and Conflict
    when others change the same user all the time.
    """
    for _ in range(TRIES):
        user = await known_user(identity, caller.partner_id, user_id)
        gives = {"permissions", "roles"} & change.keys()
        if user.is_owner and (gives or caller.user_id != user.id):
            raise OwnerFixed("The owner keeps all permissions; only he changes his own name.")
        if gives:
            permissions, roles = change.get("permissions", user.permissions), change.get("roles", user.roles)
            becomes = replace(user, permissions=frozenset(permissions), roles=frozenset(roles))
            check_grant(await what_he_gives(identity.store, caller), becomes.may ^ user.may)
        if changed := await _write(identity, user, change):
            return changed
    raise _changed_all_the_time()


def _changed_all_the_time() -> Conflict:
    return Conflict("This user is changed all the time. Send the same request again.")


async def what_he_gives(store: Store, caller: Caller) -> frozenset[str]:
    """What his token says and he still has (B7): it takes a moment until a token is refused that says more than he may
    by now, and what was given in it would stay."""
    user = await store.user(caller.partner_id, caller.user_id)
    return caller.permissions & user.may if user else frozenset()


async def _write(identity: Identity, user: User, change: dict[str, Any]) -> User | None:
    """None when he was changed since he was read: then what is given and taken has to be looked at again."""
    if not change:
        return user
    if change.keys() == {"name"}:
        return await identity.store.rename_user(user.partner_id, user.id, change["name"])
    changed = await identity.store.revoke(
        user.partner_id, user.id, change, trace=current_traceparent(), sign_out=False, was=user.version
    )
    identity.user_relay.wake()
    return changed


async def remove_user(identity: Identity, caller: Caller, user_id: str) -> None:
    """Whoever is deleted loses all that he may. Raises NotFound, OwnerFixed, CannotGrant for what the caller does not
    have, and Conflict when others change the same user all the time."""
    for _ in range(TRIES):
        user = await known_user(identity, caller.partner_id, user_id)
        if user.is_owner:
            raise OwnerFixed("The owner cannot be deleted.")
        check_take(await what_he_gives(identity.store, caller), user.may)
        if await identity.store.remove_user(user, current_traceparent()):
            return identity.user_relay.wake()
    raise _changed_all_the_time()


async def known_user(identity: Identity, partner_id: str, user_id: str) -> User:
    """A user of this partner. Raises NotFound."""
    user = await identity.store.user(partner_id, user_id)
    if user is None:
        raise NotFound("There is no such user.")
    return user


async def create_staff(identity: Identity, email: str, password: str, permissions: frozenset[str]) -> bool:
    """A user of the platform itself; False when he is there already, who then gets the permissions that came since.
    Raises EmailTaken, PasswordTooEasy."""
    known = await identity.store.user_by_email_of_all_partners(folded(email))
    if known is not None and known.partner_id == PLATFORM:
        change = {"permissions": sorted(permissions)}
        await identity.store.revoke(PLATFORM, known.id, change, trace=None, sign_out=False)
        return False
    password_hash = await identity.passwords.hash(password, email)
    user = User(new_id("usr"), PLATFORM, folded(email), "Staff", permissions, password_hash)
    await identity.store.add_user(user)
    return True
