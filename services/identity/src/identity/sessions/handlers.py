"""Signing in, continuing, signing out: one function each."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from opentelemetry import trace

from common.auth import Caller
from common.errors import NotFound
from common.ids import new_id
from common.keyring import Keyring
from common.logs import logger
from common.relay import StateRelay
from common.telemetry import traceparent_of
from identity.clients import Passwords
from identity.domain import User, WrongCredentials
from identity.keys.domain import Grant
from identity.keys.handlers import Keys, issue
from identity.sessions.domain import FIRST_PARTY, InvalidGrant, Lifetime, RefreshToken, Session
from identity.sessions.storage import SessionStore
from identity.storage import Store
from identity.throttling.domain import place_of
from identity.throttling.handlers import Throttle, give_back, take

log = logger(__name__)

FORGOTTEN_AFTER = timedelta(days=1)
"""When a session's time is over it stays so long, for its end to be announced."""


@dataclass
class Sessions:
    """What the use cases work with. `relay` announces ended sessions, `user_relay` what a user's older tokens lose."""

    store: SessionStore
    users: Store
    keys: Keys
    passwords: Passwords
    keyring: Keyring
    throttle: Throttle
    relay: StateRelay
    user_relay: StateRelay
    lifetime: Lifetime
    grace: timedelta


@dataclass(frozen=True, slots=True)
class Issued:
    """Both tokens of somebody who signed in or continued."""

    access: str
    refresh: RefreshToken


async def sign_in(sessions: Sessions, email: str, password: str, client: str, address: str) -> Issued:
    """A new session. Raises WrongCredentials, in the same words and time whatever was wrong; and TooManyAttempts."""
    place = place_of(address)
    user = await sessions.users.user_by_email_of_all_partners(email.casefold())
    is_known = await sessions.store.was_at(*((user.partner_id, user.id) if user else ("", "")), place)
    taken = await take(sessions.throttle, email.casefold(), place, is_known=is_known)
    if not await sessions.passwords.matches(password, user.password_hash if user else None) or user is None:
        raise WrongCredentials("Check both and try again.")
    await give_back(sessions.throttle, taken)
    now, session_id, seed = datetime.now(UTC), new_id("ses"), secrets.token_urlsafe(32)
    session = Session(
        id=session_id,
        partner_id=user.partner_id,
        user_id=user.id,
        client=client,
        place=place,
        sealed=sessions.keyring.seal(seed, session_id),
        sign_outs=user.sign_outs,
        began_at=now,
        last_used_at=now,
        ends_at=sessions.lifetime.end(now, now),
    )
    await sessions.store.add(session)
    return await _issued(sessions, user, session, seed)


async def refresh(sessions: Sessions, text: str) -> Issued:
    """The next tokens of a session. Raises InvalidGrant; a token that was used before ends its session."""
    token, now = RefreshToken.read(text), datetime.now(UTC)
    session = await sessions.store.going_on_of_all_partners(token.session_id)
    seed = sessions.keyring.open(session.sealed, session.id) if session else ""
    if session is None or not token.is_proven_by(seed):
        raise InvalidGrant("This session does not go on.")
    user = await sessions.users.user(session.partner_id, session.user_id)
    if user is None or not session.is_good(user, now):
        raise InvalidGrant("This session does not go on.")
    ends_at = sessions.lifetime.end(session.began_at, now)
    current = await sessions.store.continue_(session, token.number, now, ends_at)
    if current is None:
        current = await _repeated(sessions, session, token.number, now)
    return await _issued(sessions, user, current, seed)


async def _repeated(sessions: Sessions, session: Session, number: int, now: datetime) -> Session:
    """The session whose token was used before, but just now. Otherwise it ends. Raises InvalidGrant."""
    current = await sessions.store.going_on_of_all_partners(session.id)
    if current is None or not current.follows(number, now, sessions.grace):
        log.warning("refresh_token_reused", session=session.id, user=session.user_id)
        await _end(sessions, session.partner_id, session.user_id, session.id)
        raise InvalidGrant("This session does not go on.")
    return current


async def end_session(sessions: Sessions, caller: Caller, session_id: str) -> None:
    """Sign out one client of the caller's. Raises NotFound."""
    if not await _end(sessions, caller.partner_id, caller.user_id, session_id):
        raise NotFound("You have no such session.")


async def sign_out_everywhere(sessions: Sessions, caller: Caller) -> None:
    """End every session and refuse every token of the caller, in one write. Raises NotFound."""
    if await sessions.users.revoke(caller.partner_id, caller.user_id, {}, trace=_trace(), sign_out=True) is None:
        raise NotFound("There is no such user.")
    sessions.user_relay.wake()


async def sessions_of(sessions: Sessions, caller: Caller, after: str, limit: int) -> list[Session]:
    """The caller's sessions that go on."""
    user = await sessions.users.user(caller.partner_id, caller.user_id)
    if user is None:
        return []
    now = datetime.now(UTC)
    return await sessions.store.of_user(user.partner_id, user.id, user.sign_outs, now, after, limit)


async def forget(sessions: Sessions) -> None:
    """Forget the sessions that ended long ago."""
    await sessions.store.forget_of_all_partners(datetime.now(UTC) - FORGOTTEN_AFTER)


async def _end(sessions: Sessions, partner_id: str, user_id: str, session_id: str) -> bool:
    ended = await sessions.store.end(partner_id, user_id, session_id, _trace())
    sessions.relay.wake()
    return ended


async def _issued(sessions: Sessions, user: User, session: Session, seed: str) -> Issued:
    grant = Grant(user.id, user.partner_id, user.may, user.version, FIRST_PARTY, session.id)
    return Issued(await issue(sessions.keys, grant), RefreshToken.made(session.id, session.number, seed))


def _trace() -> str | None:
    return traceparent_of(trace.get_current_span())
