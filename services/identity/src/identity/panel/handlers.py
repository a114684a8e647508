"""The panel's use cases, one function each."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.auth import Caller
from common.errors import NotFound
from identity.domain import Partner
from identity.entry import handlers as entry_handlers
from identity.entry.domain import Because, Entry, NotMaster, Way
from identity.entry.handlers import Entered, Entries, around, enter
from identity.panel.domain import Client, Code, challenge_of, hash_of
from identity.panel.storage import CodeStore
from identity.sessions.domain import InvalidGrant


@dataclass
class Panel:
    """What the use cases work with. `code_life` is how long a code that hands an entry over is good."""

    store: CodeStore
    entries: Entries
    code_life: timedelta


async def master_partner(panel: Panel, caller: Caller) -> Partner:
    """The partner of a caller who is a master user. Raises NotMaster."""
    accounts = panel.entries.connections.accounts
    user, partner = await accounts.user(caller.partner_id, caller.user_id), await accounts.partner(caller.partner_id)
    if user is None or partner is None or not (user.is_master and partner.masters_allowed):
        raise NotMaster("An administrator of your company marks users as partner master, once staff allowed it.")
    return partner


async def clients(panel: Panel, caller: Caller, typed: str, after: str, limit: int) -> Sequence[Client]:
    """The clients that gave the caller's partner access and have `typed` in their name, by name (E3)."""
    found = await panel.entries.connections.store.entered_of_all_partners(caller.partner_id, typed, after, limit)
    ids = [connection.client_id for connection in found]
    opened = await panel.entries.store.open_among_of_all_partners(ids, way_of(caller, ""))
    return [Client(connection, opened.get(connection.client_id)) for connection in found]


async def ask(panel: Panel, caller: Caller, client_id: str) -> Entry:
    """Ask the client to let the caller in. Raises NotMaster, NotFound, NoConfirmationNeeded."""
    await master_partner(panel, caller)
    return await entry_handlers.ask(panel.entries, way_of(caller, client_id))


async def end(panel: Panel, caller: Caller, client_id: str) -> None:
    """End the entry by the caller's session, or take back that he asked for one. Raises NotMaster, NotFound."""
    await master_partner(panel, caller)
    entry = await panel.entries.store.open_entry(way_of(caller, client_id))
    if entry is None:
        raise NotFound("You have no such entry.")
    await entry_handlers.end_one(panel.entries, entry, Because.LEFT, caller.user_id)


async def make_code(panel: Panel, caller: Caller, client_id: str, scope: str, challenge: str) -> str:
    """A code with which the browser that made `challenge` enters (E5). Raises NotMaster, NotFound."""
    await master_partner(panel, caller)
    way, now = way_of(caller, client_id), datetime.now(UTC)
    [found] = await around(panel.entries, [way])
    if way.session_id is None or found.obstacle(now):
        raise NotFound("There is no such account that you may enter.")
    code = f"enc_{secrets.token_urlsafe(32)}"
    await panel.store.add(Code(hash_of(code), way, scope, challenge, now + panel.code_life))
    return code


async def use_code(panel: Panel, code: str, verifier: str) -> Entered:
    """Enter with a code. Raises InvalidGrant, and what entering raises."""
    now = datetime.now(UTC)
    used = await panel.store.use_of_all_partners(hash_of(code), challenge_of(verifier), now)
    if used is None:
        raise InvalidGrant("This code is not good, or not any more.")
    return await enter(panel.entries, used.way, used.scope)


def way_of(caller: Caller, client_id: str) -> Way:
    return Way(caller.partner_id, caller.user_id, client_id, caller.session_id)


async def forget(panel: Panel) -> None:
    """Forget the codes that nobody used in time."""
    await panel.store.forget_of_all_partners(datetime.now(UTC))
