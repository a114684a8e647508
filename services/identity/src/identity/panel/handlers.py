"""The panel's use cases, one function each."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from common.audit.requests import Recording
from common.auth import Caller
from common.authors import Actor, Author
from common.errors import NotFound
from common.logs import logger
from identity.domain import Partner
from identity.entry import handlers as entry_handlers
from identity.entry.domain import Because, Entry, NotMaster, Way
from identity.entry.handlers import Entered, Entries, around, enter
from identity.panel.domain import Client, Code, challenge_of, hash_of
from identity.panel.storage import CodeStore
from identity.sessions.domain import InvalidGrant

log = logger(__name__)


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


async def use_code(panel: Panel, code: str, verifier: str, recording: Recording) -> Entered:
    """Enter with a code. One that comes again ends what it gave: nobody knows who of the two should have it (RFC 6749,
    4.1.2).

    Raises InvalidGrant, and what entering raises.
    """
    used = await panel.store.use_of_all_partners(hash_of(code), challenge_of(verifier))
    if used is None or not used.is_good(datetime.now(UTC)):
        await _refuse(panel, used, recording)
    entered = await enter(panel.entries, used.way, used.scope)
    used = await panel.store.gave(used, entered.entry.id, entered.entry.ends_at)
    if used is None or used.uses > 1:  # it came again before it was known what it gave
        await _refuse(panel, used, recording)
    return entered


async def _refuse(panel: Panel, code: Code | None, recording: Recording) -> NoReturn:
    """End what it gave, if it gave anything. Raises InvalidGrant."""
    if code is not None:
        await _end_what_it_gave(panel, code, recording)
    raise InvalidGrant("This code is not good, or not any more.")


async def _end_what_it_gave(panel: Panel, code: Code, recording: Recording) -> None:
    if code.entry_id is None:
        return
    entry = await panel.entries.store.of_client(code.way.client_id, code.entry_id)
    if entry is None or entry.ended_at is not None:
        return
    log.warning("entry_code_reused", entry=entry.id, user=code.way.master_id)
    author = Author(entry.user_id, Actor(code.way.master_id, code.way.partner_id))
    await recording.happened("entry ended", author, code.way.client_id, entry.id, because=["code used again"])
    await entry_handlers.end_one(panel.entries, entry, Because.CODE, None)


def way_of(caller: Caller, client_id: str) -> Way:
    return Way(caller.partner_id, caller.user_id, client_id, caller.session_id)


async def forget(panel: Panel) -> None:
    """Forget the codes that nobody used in time, and those whose entry is over."""
    await panel.store.forget_of_all_partners(datetime.now(UTC))
