"""The panel over HTTP."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from common.auth import SignedIn
from common.errors import Invalid, NotFound, NotSignedIn
from common.http import Cursor, Limit, errors, id_position, page_of, provided
from identity.entry.domain import NoConfirmationNeeded, NotMaster
from identity.entry.schemas import EntryView
from identity.panel import handlers
from identity.panel.handlers import Panel
from identity.panel.schemas import Account, ClientView, CodeView, NewCode, PanelView

PanelDep = Annotated[Panel, provided(Panel)]
Typed = Annotated[str, Query(max_length=200, description="Part of the name, with or without diacritics.")]

router = APIRouter(prefix="/panel", tags=["entry into client accounts"])
ALWAYS = errors(NotSignedIn, NotMaster, Invalid)


@router.get("", responses=ALWAYS)
async def panel(
    caller: SignedIn, panel: PanelDep, q: Typed = "", limit: Limit = 50, cursor: Cursor = None
) -> PanelView:
    """For a master user (`is_master` of `GET /me`): the own account, and all clients that gave access (E3)."""
    partner, now = await handlers.master_partner(panel, caller), datetime.now(UTC)
    found = await handlers.clients(panel, caller, q, id_position(cursor), limit + 1)
    page = page_of(found, limit, lambda client: ClientView.of(client, now), lambda client: [client.key])
    return PanelView(own=Account.of(partner), items=page.items, next=page.next)


@router.post("/{client_id}/request", status_code=201, responses=ALWAYS | errors(NotFound, NoConfirmationNeeded))
async def ask(client_id: str, caller: SignedIn, panel: PanelDep) -> EntryView:
    """Ask a client that confirms each entry to be let in (E4). Asked again, it is the same request."""
    return EntryView.of(await handlers.ask(panel, caller, client_id))


@router.post("/{client_id}/code", status_code=201, responses=ALWAYS | errors(NotFound))
async def make_code(client_id: str, new: NewCode, caller: SignedIn, panel: PanelDep) -> CodeView:
    """A code that hands an entry to another browser window, so that no token stands in a URL (E5).

    The window makes a verifier and gives its challenge; whoever sees the code cannot use it.
    """
    code = await handlers.make_code(panel, caller, client_id, new.scope, new.code_challenge)
    return CodeView(code=code, expires_in=int(panel.code_life.total_seconds()))


@router.delete("/{client_id}/entry", status_code=204, responses=ALWAYS | errors(NotFound))
async def end(client_id: str, caller: SignedIn, panel: PanelDep) -> None:
    """End the own entry, or take back that one asked for it; everywhere within five seconds (E6)."""
    await handlers.end(panel, caller, client_id)
