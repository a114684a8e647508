"""Where a route says what it needs: a token, or a permission."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common.auth.permissions import STAFF_ONLY, Permission
from common.auth.tokens import Caller, TokenCheck
from common.errors import NotSignedIn, PermissionMissing, Unavailable

_bearer = HTTPBearer(auto_error=False, description="An access token from identity's `POST /sign-in`.")


async def signed_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The caller of this request, whatever he may do. Raises NotSignedIn, Unavailable, RevocationsUnheard."""
    check: TokenCheck = request.app.state.token_check
    if not len(check.keys) or not check.revocations.is_known:
        raise Unavailable("What tokens are checked with has not arrived yet.")
    if credentials is None:
        raise NotSignedIn("Send `Authorization: Bearer <token>`; identity's POST /sign-in gives one.")
    return check.caller(credentials.credentials)


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
