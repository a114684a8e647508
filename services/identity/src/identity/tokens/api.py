"""OAuth 2.1's token endpoint, and where others find it."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from common.audit.requests import Recording, RecordingDep
from common.auth import Caller, caller_of
from common.authors import Actor, Author
from common.errors import Conflict, Invalid, NotSignedIn
from common.http import address_of, errors, provided, tell_refusal
from identity.domain import InvalidRequest, UnsupportedGrant
from identity.entry.handlers import Entered, enter
from identity.keys.handlers import Keys
from identity.machines import handlers as machine_handlers
from identity.machines.domain import InvalidClient
from identity.machines.handlers import Machines
from identity.panel import handlers as panel_handlers
from identity.panel.handlers import Panel, way_of
from identity.schemas import Token
from identity.sessions import handlers as session_handlers
from identity.sessions.domain import InvalidGrant
from identity.sessions.handlers import Sessions
from identity.sessions.schemas import token_for
from identity.throttling.domain import TooManyAttempts
from identity.tokens import schemas
from identity.tokens.schemas import ACCESS_TOKEN, GRANTS, Metadata

SessionsDep = Annotated[Sessions, provided(Sessions)]
MachinesDep = Annotated[Machines, provided(Machines)]
Basic = Annotated[
    HTTPBasicCredentials | None,
    Depends(HTTPBasic(realm="machines", auto_error=False, description="A machine's secret.")),
]
PanelDep = Annotated[Panel, provided(Panel)]
Parameter = Annotated[str, Form(max_length=1000)]
TokenParameter = Annotated[str, Form(max_length=8000)]

router = APIRouter(tags=["sign-in"])


@dataclass(frozen=True)
class MachineForm:
    """How a machine shows who it is."""

    basic: Basic
    client_id: Parameter = ""
    client_secret: Parameter = field(default="", repr=False)
    client_assertion_type: Parameter = ""
    client_assertion: TokenParameter = field(default="", repr=False)


@router.post("/token", responses=errors(InvalidGrant, InvalidClient, TooManyAttempts, Conflict, Invalid))
async def token(
    request: Request, sessions: SessionsDep, machines: MachinesDep, panel: PanelDep, recording: RecordingDep,
    machine: Annotated[MachineForm, Depends()],
    grant_type: Parameter = "", refresh_token: Parameter = "", scope: Parameter = "",
    subject_token: TokenParameter = "", subject_token_type: Parameter = ACCESS_TOKEN, audience: Parameter = "",
    code: Parameter = "", code_verifier: Parameter = "",
) -> Token:  # fmt: skip
    """OAuth 2.1: the next tokens for a refresh token, which is good once; a token for a machine; or one to act for a
    client with (E5).

    A machine sends id and secret by HTTP Basic or in the form, or a `client_assertion` that it signed (RFC 7523). A
    master user exchanges his own access token (`subject_token`, RFC 8693) for one of the client whose id is the
    `audience`, or brings a code of his panel with its `code_verifier`. `scope` narrows what the token is good for.
    Errors are problem documents; those that OAuth knows have its `error` and `error_description` in them. It knows none
    for 429: `Retry-After` says when to come again.
    """
    match grant_type:
        case "refresh_token" if refresh_token:
            issued = await session_handlers.refresh(sessions, refresh_token, recording)
            return token_for(sessions, issued)
        case "client_credentials":
            access, given = await _of_machine(machines, machine, scope, address_of(request))
        case schemas.TOKEN_EXCHANGE if audience and subject_token_type == ACCESS_TOKEN:
            caller = _subject(request, subject_token)
            return await _acting(await enter(panel.entries, way_of(caller, audience), scope), recording)
        case "authorization_code" if code and code_verifier:
            return await _acting(await panel_handlers.use_code(panel, code, code_verifier, recording), recording)
        case grant if grant in GRANTS:
            raise InvalidRequest(f"A parameter of {grant} is missing, or not of the right type.")
        case _:
            raise UnsupportedGrant(f"`grant_type` must be {' or '.join(GRANTS)}.")
    lifetime = int(machines.keys.signer.lifetime.total_seconds())
    return Token(access_token=access, expires_in=lifetime, scope=" ".join(sorted(given)))


async def _of_machine(machines: Machines, form: MachineForm, scope: str, address: str) -> tuple[str, frozenset[str]]:
    """A machine's token, and what it is good for. Raises InvalidRequest, InvalidClient, InvalidScope,
    TooManyAttempts."""
    match form:
        case MachineForm(HTTPBasicCredentials(username=name, password=secret), client_secret="", client_assertion=""):
            return await machine_handlers.token(machines, name, secret, scope, address)
        case MachineForm(None, client_id=name, client_secret=secret, client_assertion="") if name and secret:
            return await machine_handlers.token(machines, name, secret, scope, address)
        case MachineForm(None, client_secret="", client_assertion_type=schemas.JWT_BEARER, client_assertion=assertion):
            return await machine_handlers.token_by_assertion(machines, assertion, form.client_id, scope, address)
        case _:
            raise InvalidRequest("A machine sends its id and secret, or an assertion with its type, and never both.")


def _subject(request: Request, token: str) -> Caller:
    """Who exchanges his own token. Raises InvalidRequest for one that is not good, or acts for somebody already."""
    try:
        caller = caller_of(request, token)
    except NotSignedIn as error:
        tell_refusal(request, error)
        raise InvalidRequest(error.detail) from None
    if caller.actor is not None:
        raise InvalidRequest("A token that acts for somebody is never exchanged; go back to your panel.")
    return caller


async def _acting(entered: Entered, recording: Recording) -> Token:
    """The answer, once the client's audit log has it that somebody entered."""
    entry, permissions = entered.entry, sorted(entered.permissions)
    author = Author(entry.user_id, Actor(entry.way.master_id, entry.way.partner_id))
    await recording.happened("account entered", author, entry.way.client_id, entry.id, permissions=permissions)
    return Token(
        access_token=entered.access,
        expires_in=int(entered.expires_in.total_seconds()),
        scope=" ".join(permissions),
        issued_token_type=ACCESS_TOKEN,
    )


@router.get("/.well-known/oauth-authorization-server")
async def metadata(keys: Annotated[Keys, provided(Keys)], response: Response) -> Metadata:
    """Where tokens are given and what they are checked with (RFC 8414)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return Metadata.of(keys.signer)
