"""Switches, marks and access: one function each. What no longer may go on by them is ended by `identity.entry`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common.auth import Caller
from common.errors import Invalid, NotFound
from common.events import PartnerChanged, Received
from common.ids import new_id
from identity.connections.domain import Access, Connection, MastersNotAllowed, check_scope, check_until
from identity.connections.storage import ConnectionStore
from identity.domain import Partner, User, check_grant
from identity.handlers import Identity, change_partner, known_user, what_he_gives
from identity.storage import Store


@dataclass
class Connections:
    """What the use cases work with. `changed` wakes whoever ends entries."""

    store: ConnectionStore
    identity: Identity
    longest: timedelta
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def accounts(self) -> Store:
        """Partners and users."""
        return self.identity.store


async def allow_masters(connections: Connections, partner_id: str, *, allowed: bool) -> Partner:
    """Staff: whether a partner may have master users (E1). Raises NotFound."""
    partner = await change_partner(connections.identity, partner_id, {"masters_allowed": allowed})
    connections.changed.set()
    return partner


async def connect(connections: Connections, partner_id: str, client_id: str, *, is_on: bool) -> Connection:
    """Staff: whether a partner is connected with a client (E1). Raises NotFound, Invalid."""
    if partner_id == client_id:
        raise Invalid("Nobody is connected with himself.")
    partner, client = await _both(connections, partner_id, client_id)
    connection = await connections.store.switch(partner, client, is_on=is_on)
    # Whoever was renamed since, before there was a connection to know it, is called by the new name now.
    for one in await _both(connections, partner_id, client_id):
        await connections.store.keep_name_of_all_partners(one.id, one.name, one.version)
    connections.changed.set()
    return connection


async def _both(connections: Connections, partner_id: str, client_id: str) -> tuple[Partner, Partner]:
    partner, client = await connections.accounts.partner(partner_id), await connections.accounts.partner(client_id)
    if partner is None or client is None:
        raise NotFound("There is no such partner.")
    return partner, client


async def keep_names(connections: Connections, events: Sequence[Received[PartnerChanged]]) -> None:
    """Call partners by their newest names."""
    newest = {event.data.partner_id: event.data for event in events}
    for one in newest.values():
        await connections.store.keep_name_of_all_partners(one.partner_id, one.name, one.version)


async def mark_master(connections: Connections, caller: Caller, user_id: str, *, is_master: bool) -> User:
    """An administrator of the partner marks a user of it (E2). Raises NotFound, MastersNotAllowed."""
    await known_user(connections.identity, caller.partner_id, user_id)
    partner = await connections.accounts.partner(caller.partner_id)
    if is_master and not (partner and partner.masters_allowed):
        raise MastersNotAllowed("Ask the support of the platform to let your company have master users.")
    user = await connections.accounts.mark_master(caller.partner_id, user_id, is_master)
    if user is None:
        raise NotFound("There is no such user.")
    connections.changed.set()
    return user


async def give_access(
    connections: Connections, caller: Caller, partner_id: str, permissions: frozenset[str], until: datetime,
    *, confirm_each: bool,
) -> Connection:  # fmt: skip
    """An administrator of the client gives a partner access, or changes it (E4).

    Entries that it still covers go on. Raises NotFound, CannotGrant, Invalid.
    """
    now = datetime.now(UTC)
    check_scope(permissions)
    check_grant(await what_he_gives(connections.accounts, caller), permissions)
    check_until(until, now, connections.longest)
    access = Access(new_id("usr"), permissions, until, confirm_each, caller.user_id, now)
    connection = await connections.store.give(caller.partner_id, partner_id, access)
    if connection is None:
        raise NotFound("You are not connected with such a partner. Ask the support of the platform.")
    connections.changed.set()
    return connection


async def take_access(connections: Connections, caller: Caller, partner_id: str) -> None:
    """An administrator of the client takes access away, and deletes its user. Raises NotFound."""
    if not await connections.store.take(caller.partner_id, partner_id):
        raise NotFound("No such partner has access.")
    connections.changed.set()
