"""OAuth 2.1's token endpoint, and where others find it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from common.errors import Invalid
from common.http import errors, provided
from identity.domain import InvalidRequest, UnsupportedGrant
from identity.keys.handlers import Keys
from identity.machines import handlers as machine_handlers
from identity.machines.domain import InvalidClient
from identity.machines.handlers import Machines
from identity.schemas import Token
from identity.sessions import handlers as session_handlers
from identity.sessions.domain import InvalidGrant
from identity.sessions.handlers import Sessions
from identity.tokens.schemas import GRANTS, Metadata

SessionsDep = Annotated[Sessions, provided(Sessions)]
MachinesDep = Annotated[Machines, provided(Machines)]
Basic = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False, description="A machine's secret."))]
Parameter = Annotated[str, Form(max_length=1000)]

router = APIRouter(tags=["sign-in"])


@router.post("/token", responses=errors(InvalidGrant, InvalidClient, Invalid))
async def token(
    sessions: SessionsDep, machines: MachinesDep, response: Response, basic: Basic, grant_type: Parameter = "",
    refresh_token: Parameter = "", scope: Parameter = "", client_id: Parameter = "", client_secret: Parameter = "",
) -> Token:  # fmt: skip
    """OAuth 2.1: the next tokens for a refresh token, which is good once; or a token for a machine.

    A machine sends id and secret by HTTP Basic or in the form. `scope` narrows what its token is good for. Errors are
    problem documents with OAuth's `error` and `error_description` in them.
    """
    response.headers["Cache-Control"] = "no-store"
    lifetime = int(sessions.keys.signer.lifetime.total_seconds())
    match grant_type:
        case "refresh_token" if refresh_token:
            issued = await session_handlers.refresh(sessions, refresh_token)
            return Token(access_token=issued.access, expires_in=lifetime, refresh_token=str(issued.refresh))
        case "client_credentials" if basic:
            access, given = await machine_handlers.token(machines, basic.username, basic.password, scope)
        case "client_credentials" if client_id and client_secret:
            access, given = await machine_handlers.token(machines, client_id, client_secret, scope)
        case "refresh_token" | "client_credentials":
            raise InvalidRequest("Send `refresh_token`, or `client_id` and `client_secret`.")
        case _:
            raise UnsupportedGrant(f"`grant_type` must be {' or '.join(GRANTS)}.")
    return Token(access_token=access, expires_in=lifetime, scope=" ".join(sorted(given)))


@router.get("/.well-known/oauth-authorization-server")
async def metadata(keys: Annotated[Keys, provided(Keys)], response: Response) -> Metadata:
    """Where tokens are given and what they are checked with (RFC 8414)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return Metadata.of(keys.signer.issuer)
