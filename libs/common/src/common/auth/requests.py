"""Where a route says what it needs: a token, or a permission."""

from collections.abc import Awaitable, Callable, Container
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common.audit.requests import Recording
from common.auth.permissions import STAFF_ONLY, Permission
from common.auth.tokens import Caller, TokenCheck
from common.errors import ActingForAnother, NotSignedIn, PermissionMissing, Unavailable
from common.telemetry import say_who_acts

_bearer = HTTPBearer(auto_error=False, description="An access token from identity's `POST /sign-in`.")


async def signed_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The caller of this request, whatever he may do. Who acts for somebody else is in its logs and its span, and what
    he does in the audit log (E6). Raises NotSignedIn, ActingForAnother, Unavailable, RevocationsUnheard."""
    caller = caller_of(request, credentials.credentials if credentials else None)
    say_who_acts(caller.asker)
    recording: Recording = request.state.recording
    await recording.asked_by(caller.author, caller.partner_id, caller.session_id)
    if caller.actor is not None:
        _check_open_while_acting(request)
    return caller


def _check_open_while_acting(request: Request) -> None:
    """Raises ActingForAnother."""
    opened: Container[str] | None = request.app.state.open_while_acting
    if opened is not None and f"{request.method} {request.scope['route'].path}" not in opened:
        raise ActingForAnother("Leave this account first, and ask with your own token.")


def caller_of(request: Request, token: str | None) -> Caller:
    """Who a token speaks for, wherever in the request it is. Raises NotSignedIn, Unavailable, RevocationsUnheard."""
    check: TokenCheck = request.app.state.token_check
    if not len(check.keys) or not check.revocations.is_known:
        raise Unavailable("What tokens are checked with has not arrived yet.")
    if token is None:
        words = "Send `Authorization: Bearer <token>`; identity's POST /sign-in gives one."
        raise NotSignedIn(words, because="no token")
    return check.caller(token)


SignedIn = Annotated[Caller, Depends(signed_in)]
"""For a route that needs no more than a token: `caller: SignedIn`."""


def requires(permission: Permission) -> Any:
    """For a route's signature: `caller: Annotated[Caller, requires(Permission.CONTACTS_WRITE)]`.

    A caller without it gets 403 that names the permission (A5).
    """
    return Depends(_requirement(permission))


def _requirement(permission: Permission) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(caller: SignedIn) -> Caller:
        if permission not in caller.permissions:
            by = "Only staff have it" if permission in STAFF_ONLY else "The owner of your company can give it to you"
            raise PermissionMissing(f"You need the permission {permission}. {by}.", permission=str(permission))
        return caller

    return check
