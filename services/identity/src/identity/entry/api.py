"""Entries over HTTP."""

from typing import Annotated

from fastapi import APIRouter

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, SignedIn, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, errors, page_of, provided, time_position
from identity.entry import handlers
from identity.entry.domain import Entry, NotWaiting, State
from identity.entry.handlers import Entries
from identity.entry.schemas import EntryView, Leaving, Left
from identity.sessions import handlers as session_handlers
from identity.sessions.domain import InvalidGrant
from identity.sessions.handlers import Sessions
from identity.sessions.schemas import token_for

EntriesDep = Annotated[Entries, provided(Entries)]
SessionsDep = Annotated[Sessions, provided(Sessions)]
Reader = Annotated[Caller, requires(Permission.ENTRIES_READ)]
Writer = Annotated[Caller, requires(Permission.ENTRIES_WRITE)]

router = APIRouter(tags=["entry into client accounts"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("/entries", responses=ALWAYS)
async def list_entries(
    caller: Reader, entries: EntriesDep, only_open: bool = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryView]:
    """Every entry into the caller's account, the newest first; `only_open`: those that wait or go on (E6)."""
    found = await entries.store.into(caller.partner_id, time_position(cursor), limit + 1, only_open=only_open)
    return _page(found, limit)


@router.get("/entries/ours", responses=ALWAYS)
async def list_our_entries(
    caller: Reader, entries: EntriesDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[EntryView]:
    """Every entry by users of the caller's partner into accounts of clients, the newest first."""
    found = await entries.store.out_of_all_partners(caller.partner_id, time_position(cursor), limit + 1)
    return _page(found, limit)


def _page(found: list[Entry], limit: int) -> Page[EntryView]:
    return page_of(found, limit, EntryView.of, lambda one: [one.at.isoformat(), one.id])


@router.post("/entries/{entry_id}/confirm", responses=ALWAYS | errors(NotFound, NotWaiting))
async def confirm(entry_id: str, caller: Writer, entries: EntriesDep) -> EntryView:
    """Let somebody in who asked (E4). He has to enter before `ends_at`."""
    return EntryView.of(await handlers.decide(entries, caller, entry_id, State.CONFIRMED))


@router.post("/entries/{entry_id}/refuse", responses=ALWAYS | errors(NotFound, NotWaiting))
async def refuse(entry_id: str, caller: Writer, entries: EntriesDep) -> EntryView:
    """Do not let somebody in who asked (E4)."""
    return EntryView.of(await handlers.decide(entries, caller, entry_id, State.REFUSED))


@router.delete("/entries/{entry_id}", status_code=204, responses=ALWAYS | errors(NotFound))
async def end(entry_id: str, caller: Writer, entries: EntriesDep) -> None:
    """End an entry into the caller's account, or one by a user of his partner; everywhere within five seconds (E6)."""
    await handlers.end(entries, caller, entry_id)


@router.get("/entry", responses=errors(NotSignedIn, NotFound))
async def own_entry(caller: SignedIn, entries: EntriesDep) -> EntryView:
    """For whoever acts for a client: who he is, for whom, how far, until when. Anybody else gets 404."""
    entry = await entries.store.of_client(caller.partner_id, caller.session_id or "")
    if entry is None:
        raise NotFound("You act for nobody.")
    return EntryView.of(entry)


@router.post("/entry/leave", responses=errors(NotSignedIn, NotFound, InvalidGrant, Invalid))
async def leave(
    leaving: Leaving, caller: SignedIn, entries: EntriesDep, sessions: SessionsDep, recording: RecordingDep,
) -> Left:  # fmt: skip
    """Back to the panel (E5): end the entry, and get the own tokens for the refresh token of the own session.

    A token that acts for a client is never enough to get the own one: it is worth less, and may be lost with less harm.
    """
    if caller.actor is None:
        raise NotFound("You act for nobody.")
    await handlers.leave(entries, caller.partner_id, caller.session_id or "")
    if leaving.refresh_token is None:
        return Left(own=None)
    issued = await session_handlers.refresh(sessions, leaving.refresh_token.get_secret_value(), recording)
    return Left(own=token_for(sessions, issued))
