"""Signing in and out over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from common.auth import SignedIn
from common.errors import ActingForAnother, Invalid, NotFound, NotSignedIn
from common.http import Cursor, Limit, Page, decode_cursor, encode_cursor, errors, provided
from identity.domain import WrongCredentials
from identity.schemas import Token
from identity.sessions import handlers
from identity.sessions.handlers import Sessions
from identity.sessions.schemas import Credentials, SessionView
from identity.throttling.domain import TooManyAttempts

SessionsDep = Annotated[Sessions, provided(Sessions)]

router = APIRouter(tags=["sign-in"])


@router.post("/sign-in", responses=errors(WrongCredentials, TooManyAttempts, Invalid))
async def sign_in(credentials: Credentials, sessions: SessionsDep, request: Request, response: Response) -> Token:
    """E-mail and password for an access token that every service accepts, and a refresh token."""
    client = "".join(filter(str.isprintable, request.headers.get("user-agent", "")))[:200]
    address = request.client.host if request.client else ""
    password = credentials.password.get_secret_value()
    issued = await handlers.sign_in(sessions, credentials.email, password, client, address)
    response.headers["Cache-Control"] = "no-store"
    lifetime = int(sessions.keys.signer.lifetime.total_seconds())
    return Token(access_token=issued.access, expires_in=lifetime, refresh_token=str(issued.refresh))


@router.get("/sessions", responses=errors(NotSignedIn, ActingForAnother, Invalid))
async def list_sessions(
    caller: SignedIn, sessions: SessionsDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[SessionView]:
    """Where the caller is signed in, by id."""
    [after] = decode_cursor(cursor, 1) if cursor else [""]
    found = await handlers.sessions_of(sessions, caller, str(after), limit + 1)
    following = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[SessionView.of(one, caller.session_id) for one in found[:limit]], next=following)


@router.delete("/sessions", status_code=204, responses=errors(NotSignedIn, ActingForAnother, NotFound))
async def sign_out_everywhere(caller: SignedIn, sessions: SessionsDep) -> None:
    """End every session of the caller; his tokens are refused everywhere within five seconds, this one too."""
    await handlers.sign_out_everywhere(sessions, caller)


@router.delete("/sessions/{session_id}", status_code=204, responses=errors(NotSignedIn, ActingForAnother, NotFound))
async def end_session(session_id: str, caller: SignedIn, sessions: SessionsDep) -> None:
    """Sign out one client of the caller."""
    await handlers.end_session(sessions, caller, session_id)
