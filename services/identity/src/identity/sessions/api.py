"""Signing in and out over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Request

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, SignedIn, requires
from common.errors import ActingForAnother, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, address_of, errors, id_position, page_by_id, provided
from identity.challenges.domain import ChallengeGone
from identity.domain import OwnerFixed, WrongCredentials
from identity.passkeys.domain import WrongPasskey
from identity.passkeys.handlers import begin_showing
from identity.passwords.domain import TooManySignIns
from identity.proofs.domain import SecondStepNeeded
from identity.schemas import Token
from identity.second_factors.domain import WrongCode
from identity.sessions import handlers
from identity.sessions.domain import SignInTooOld
from identity.sessions.handlers import Sessions
from identity.sessions.schemas import (
    Credentials,
    PasskeyOptions,
    SecondStep,
    SessionView,
    ShownPasskey,
    token_for,
)
from identity.throttling.domain import TooManyAttempts

SessionsDep = Annotated[Sessions, provided(Sessions)]
UsersWriter = Annotated[Caller, requires(Permission.USERS_WRITE)]

router = APIRouter(tags=["sign-in"])
FOR_USERS = errors(NotSignedIn, PermissionMissing, Invalid, NotFound, OwnerFixed)


@router.post("/sign-in", responses=errors(WrongCredentials, SecondStepNeeded, TooManyAttempts, TooManySignIns, Invalid))
async def sign_in(credentials: Credentials, sessions: SessionsDep, recording: RecordingDep, request: Request) -> Token:
    """E-mail and password for an access token that every service accepts, and a refresh token.

    Whoever has a second factor gets 401 `second-step-needed` with a challenge for `POST /sign-in/second-step` instead.
    While very many sign in, 503 `too-many-sign-ins` says when to come again; it uses no try.
    """
    password = credentials.password.get_secret_value()
    issued = await handlers.sign_in(sessions, credentials.email, password, *_client(request), recording)
    return token_for(sessions, issued)


@router.post("/sign-in/second-step", responses=errors(ChallengeGone, WrongCode, TooManyAttempts, Invalid))
async def second_step(step: SecondStep, sessions: SessionsDep, recording: RecordingDep, request: Request) -> Token:
    """A code of the second factor, or a recovery code, for the tokens."""
    issued = await handlers.second_step(sessions, step.challenge, step.code, *_client(request), recording)
    return token_for(sessions, issued)


@router.post("/sign-in/passkey/challenge")
async def challenge_passkey(sessions: SessionsDep) -> PasskeyOptions:
    """What a browser shows a passkey by: to sign in, or as a proof."""
    return PasskeyOptions(options=begin_showing(sessions.proofs.passkeys))


@router.post("/sign-in/passkey", responses=errors(WrongPasskey, ChallengeGone, Invalid))
async def sign_in_with_passkey(
    passkey: ShownPasskey, sessions: SessionsDep, recording: RecordingDep, request: Request
) -> Token:
    """A passkey for the tokens: it is a second factor in itself, since it verifies the person."""
    issued = await handlers.sign_in_with_passkey(sessions, passkey.credential, *_client(request), recording)
    return token_for(sessions, issued)


@router.get("/sessions", responses=errors(NotSignedIn, ActingForAnother, Invalid))
async def list_sessions(
    caller: SignedIn, sessions: SessionsDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[SessionView]:
    """Where the caller is signed in, by id."""
    found = await handlers.sessions_of(sessions, caller, id_position(cursor), limit + 1)
    return page_by_id(found, limit, lambda one: SessionView.of(one, caller.session_id))


@router.delete("/sessions", status_code=204, responses=errors(SignInTooOld, ActingForAnother, NotFound))
async def sign_out_everywhere(caller: SignedIn, sessions: SessionsDep) -> None:
    """End every session of the caller; his tokens are refused everywhere within five seconds, this one too. Takes a
    sign-in of the last minutes (`sign-in-too-old`)."""
    await handlers.sign_out_everywhere(sessions, caller)


@router.delete("/sessions/{session_id}", status_code=204, responses=errors(SignInTooOld, ActingForAnother, NotFound))
async def end_session(session_id: str, caller: SignedIn, sessions: SessionsDep) -> None:
    """Sign out one client of the caller: this one at any time, another by a sign-in of the last minutes."""
    await handlers.end_session(sessions, caller, session_id)


@router.delete("/users/{user_id}/sessions", status_code=204, tags=["users"], responses=FOR_USERS)
async def sign_out_user(user_id: str, caller: UsersWriter, sessions: SessionsDep) -> None:
    """End every session of a user of the caller's partner; his tokens are refused everywhere within five seconds."""
    await handlers.sign_out_user(sessions, caller, user_id)


def _client(request: Request) -> tuple[str, str]:
    """What the client calls itself, and its address."""
    client = "".join(filter(str.isprintable, request.headers.get("user-agent", "")))[:200]
    return client, address_of(request)
