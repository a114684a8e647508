"""The routes behind the links in mails. They are open to the internet: a link is its own proof."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from common.errors import Invalid
from common.http import errors, provided
from notifications.unsubscribing import handlers, pages
from notifications.unsubscribing.handlers import UnknownLink, Unsubscribing

UnsubscribingDep = Annotated[Unsubscribing, provided(Unsubscribing)]

router = APIRouter(tags=["unsubscribing"], default_response_class=HTMLResponse)
ALWAYS = errors(UnknownLink, Invalid)
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}


@router.get("/unsubscribe/{token}", responses=ALWAYS)
async def ask(token: str, unsubscribing: UnsubscribingDep) -> HTMLResponse:
    """A page that asks and has one button. Opening it changes nothing: scanners of mail follow every link (A6)."""
    return HTMLResponse(pages.question(await handlers.understand(unsubscribing, token)), headers=HEADERS)


@router.post("/unsubscribe/{token}", responses=ALWAYS)
async def unsubscribe(token: str, unsubscribing: UnsubscribingDep) -> HTMLResponse:
    """Unsubscribe, asked by the page's button or by a mail program (RFC 8058); the body need not be read (A6)."""
    return HTMLResponse(pages.confirmation(await handlers.unsubscribe(unsubscribing, token)), headers=HEADERS)
