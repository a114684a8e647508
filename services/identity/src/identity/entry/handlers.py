"""Entering, confirming, ending: one function each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from common.auth import Caller
from common.errors import Conflict, NotFound
from common.ids import new_id
from common.logs import logger
from common.relay import StateRelay
from common.telemetry import current_traceparent
from identity.connections.domain import Access
from identity.connections.handlers import Connections
from identity.entry.domain import (
    Around,
    Because,
    ConfirmationNeeded,
    Entry,
    InvalidTarget,
    NoConfirmationNeeded,
    NotWaiting,
    State,
    Way,
)
from identity.entry.storage import EntryStore
from identity.keys.domain import ActingUser, Grant
from identity.keys.handlers import Keys, issue
from identity.sessions.domain import FIRST_PARTY
from identity.sessions.storage import SessionStore

log = logger(__name__)

AT_ONCE = 500
TRIES = 5


@dataclass
class Entries:
    """What the use cases work with. `relay` announces ended entries; `life` is that of a token, `patience` how long a
    request waits, and a confirmation holds."""

    store: EntryStore
    connections: Connections
    sessions: SessionStore
    keys: Keys
    relay: StateRelay
    life: timedelta
    patience: timedelta
    kept: timedelta

    @property
    def changed(self) -> asyncio.Event:
        """Set when something that entries depend on was changed."""
        return self.connections.changed


@dataclass(frozen=True, slots=True)
class Entered:
    """A token for somebody who acts for a client, and what it is good for."""

    entry: Entry
    access: str
    permissions: frozenset[str]
    expires_in: timedelta


async def around(entries: Entries, ways: Sequence[Way]) -> list[Around]:
    """What each of these depends on, as it is now."""
    accounts, connections = entries.connections.accounts, entries.connections.store
    partners = await accounts.partners_of_all_partners({way.partner_id for way in ways})
    masters = await accounts.users_of_all_partners({way.master_id for way in ways})
    connected = await connections.connections_of_all_partners({way.connection_id for way in ways})
    sessions = await entries.sessions.among_of_all_partners({way.session_id for way in ways if way.session_id})
    return [
        Around(
            way,
            partners.get(way.partner_id),
            masters.get(way.master_id),
            connected.get(way.connection_id),
            sessions.get(way.session_id or ""),
        )
        for way in ways
    ]


async def enter(entries: Entries, way: Way, scope: str) -> Entered:
    """A token for the client's account, of a new entry or of the one that goes on (E5).

    Raises InvalidTarget, InvalidScope, ConfirmationNeeded, and Conflict when others change the same thing all the time.
    """
    [found] = await around(entries, [way])
    now = datetime.now(UTC)
    access = found.connection.access if found.connection else None
    if found.obstacle(now) or access is None or found.master is None or way.session_id is None:
        raise InvalidTarget("Look at your panel for what is in the way.")
    permissions = access.narrowed(scope)
    ends_at = min(now + entries.life, access.until)
    for _ in range(TRIES):
        entry = await _next(entries, found, access, permissions, ends_at)
        if entry is not None:
            actor = ActingUser(found.master.id, found.master.partner_id, found.master.version)
            grant = Grant(
                access.user_id, way.client_id, permissions, 0, FIRST_PARTY, entry.id, actor=actor, life=ends_at - now
            )
            return Entered(entry, await issue(entries.keys, grant), permissions, ends_at - now)
    raise Conflict("This entry is changed all the time. Send the same request again.")


async def _next(
    entries: Entries, found: Around, access: Access, permissions: frozenset[str], ends_at: datetime
) -> Entry | None:
    """The entry, begun or renewed; None when somebody changed it meanwhile. Raises ConfirmationNeeded."""
    now = datetime.now(UTC)
    entry = await _open(entries, found.way, found, now)
    if entry is not None and (entry.needs_nobody or not access.confirm_each):
        return await entries.store.go_on(entry, permissions, ends_at, found.way.session_id, now)
    if access.confirm_each:
        raise ConfirmationNeeded("Ask for it on your panel, and enter once it is confirmed.")
    new = _new(found, permissions, State.RUNNING, now, ends_at)
    return new if await entries.store.add(new) else None


async def _open(entries: Entries, way: Way, found: Around, now: datetime) -> Entry | None:
    """The open entry on this way, if it may go on; one that may not is ended."""
    entry = await entries.store.open_entry(way)
    if entry is None or not (because := entry.obstacle(found, now)):
        return entry
    await end_one(entries, entry, because, None)
    return None


def _new(found: Around, permissions: frozenset[str], state: State, now: datetime, ends_at: datetime) -> Entry:
    assert found.master is not None
    assert found.connection is not None
    assert found.connection.access is not None
    return Entry(
        id=new_id("ent"),
        way=found.way,
        master_name=found.master.name,
        partner_name=found.connection.partner_name,
        client_name=found.connection.client_name,
        user_id=found.connection.access.user_id,
        permissions=permissions,
        state=state,
        at=now,
        ends_at=ends_at,
        began_at=now if state is State.RUNNING else None,
    )


async def ask(entries: Entries, way: Way) -> Entry:
    """Ask the client to confirm an entry; asked again, it is the same (E4). Raises NotFound, NoConfirmationNeeded."""
    [found] = await around(entries, [replace(way, session_id=None)])  # a new request waits for any session
    now = datetime.now(UTC)
    access = found.connection.access if found.connection else None
    if found.obstacle(now) or access is None:
        raise NotFound("There is no such account that you may enter.")
    if not access.confirm_each:
        raise NoConfirmationNeeded("This client does not confirm entries one by one.")
    for _ in range(TRIES):
        if entry := await _open(entries, way, found, now):
            return entry
        ends_at = min(now + entries.patience, access.until)
        new = _new(found, access.permissions, State.REQUESTED, now, ends_at)
        if await entries.store.add(new):
            return new
    raise Conflict("This entry is changed all the time. Send the same request again.")


async def decide(entries: Entries, caller: Caller, entry_id: str, state: State) -> Entry:
    """An administrator of the client confirms or refuses an entry; the first one decides (E4).

    Raises NotFound, NotWaiting.
    """
    now = datetime.now(UTC)
    ends_at = now + entries.patience
    decided = await entries.store.decide(caller.partner_id, entry_id, state, caller.user_id, now, ends_at)
    if decided is not None:
        return decided
    if await entries.store.of_client(caller.partner_id, entry_id) is None:
        raise NotFound("There is no such entry.")
    raise NotWaiting("Somebody decided about it already, or it waited too long.")


async def end(entries: Entries, caller: Caller, entry_id: str) -> None:
    """An administrator of the client, or of the partner, ends an entry (E6). Raises NotFound."""
    entry, because = await entries.store.of_client(caller.partner_id, entry_id), Because.CLIENT
    if entry is None:
        entry, because = await entries.store.of_partner_of_all_partners(caller.partner_id, entry_id), Because.PARTNER
    if entry is None:
        raise NotFound("There is no such entry.")
    await end_one(entries, entry, because, caller.user_id)


async def leave(entries: Entries, client_id: str, entry_id: str) -> None:
    """Whoever acts goes back to his panel (E5); a no-op when the entry ended already."""
    entry = await entries.store.of_client(client_id, entry_id)
    if entry is not None:
        await end_one(entries, entry, Because.LEFT, entry.way.master_id)


async def end_what_may_not_go_on(entries: Entries) -> None:
    """Hold each open entry against what it depends on, and end it when something stands in its way (E6).

    Nothing has to be said to entries by whoever changes a switch, a user or a session, so nothing of it gets lost.
    """
    after = ""
    while opened := await entries.store.open_of_all_partners(after, AT_ONCE):
        found = await around(entries, [entry.way for entry in opened])
        now = datetime.now(UTC)
        for entry, its in zip(opened, found, strict=True):
            if because := entry.obstacle(its, now):
                await end_one(entries, entry, because, None)
        after = opened[-1].id


async def forget(entries: Entries) -> None:
    """Forget the entries that ended long ago."""
    await entries.store.forget_of_all_partners(datetime.now(UTC) - entries.kept)


async def end_one(entries: Entries, entry: Entry, because: Because, by: str | None) -> None:
    """End an open entry and announce it; a no-op when it is not open any more."""
    now, traceparent = datetime.now(UTC), current_traceparent()
    if await entries.store.end(entry, because, by, now, traceparent):
        log.info("entry_ended", entry=entry.id, because=because)
        entries.relay.wake()
