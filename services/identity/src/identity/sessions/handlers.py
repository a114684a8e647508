"""Signing in, continuing, signing out: one function each."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common.audit.requests import Recording
from common.auth import Caller
from common.authors import Author
from common.errors import NotFound
from common.ids import new_id
from common.keyring import Keyring
from common.logs import logger
from common.relay import StateRelay
from common.telemetry import current_traceparent
from identity.challenges.domain import ChallengeGone, Purpose
from identity.challenges.handlers import Challenges, answer, make, read
from identity.domain import PLATFORM, OwnerFixed, User, folded
from identity.keys.domain import Grant
from identity.keys.handlers import Keys, issue
from identity.passkeys.handlers import shown
from identity.proofs.domain import SecondStepNeeded
from identity.proofs.handlers import Proofs, check_code, check_password
from identity.sessions.domain import FIRST_PARTY, InvalidGrant, Lifetime, RefreshToken, Session, SignInTooOld
from identity.sessions.storage import SessionStore
from identity.storage import Store
from identity.throttling.domain import Place, place_of

log = logger(__name__)

FORGOTTEN_AFTER = timedelta(days=1)
"""When a session's time is over it stays so long, for its end to be announced."""


@dataclass
class Sessions:
    """What the use cases work with. `relay` announces ended sessions, `user_relay` what a user's older tokens lose."""

    store: SessionStore
    users: Store
    keys: Keys
    proofs: Proofs
    keyring: Keyring
    relay: StateRelay
    user_relay: StateRelay
    lifetime: Lifetime
    grace: timedelta
    most: int
    """Of a user."""
    staff_second_factor: bool

    @property
    def challenges(self) -> Challenges:
        return self.proofs.passkeys.challenges


@dataclass(frozen=True, slots=True)
class Issued:
    """Both tokens of somebody who signed in or continued."""

    access: str
    refresh: RefreshToken
    is_limited: bool
    """He may do nothing yet: his company requires a second factor."""


async def sign_in(
    sessions: Sessions, email: str, password: str, client: str, address: str, recording: Recording
) -> Issued:
    """A new session. Raises WrongCredentials, in the same words and time whatever was wrong; SecondStepNeeded;
    TooManyAttempts; and TooManySignIns, before it is looked up who that is."""
    async with sessions.proofs.passwords.turn(place_of(address)):
        user = await sessions.users.user_by_email_of_all_partners(folded(email))
        place = await place_for(sessions, user, address)
        if user is not None:
            recording.tried_by(Author(user.id), user.partner_id)
        user = await check_password(sessions.proofs, user, email, password, place)
    if user.has_second_factor:
        challenges = sessions.challenges
        await recording.about(because=["a second step is needed"])
        about = (user.partner_id, user.id, str(user.sign_outs))
        raise SecondStepNeeded(make(challenges, Purpose.SECOND_STEP, *about), int(challenges.lifetime.total_seconds()))
    return await begin(sessions, user, client, place, recording, is_strong=False)


async def second_step(
    sessions: Sessions, challenge: str, code: str, client: str, address: str, recording: Recording
) -> Issued:
    """A new session of whoever gave his password before, and gives a code now. A wrong code may be tried again with the
    same challenge. Raises ChallengeGone, WrongCode, TooManyAttempts."""
    partner_id, user_id, sign_outs = read(sessions.challenges, Purpose.SECOND_STEP, challenge)
    user = await sessions.users.user(partner_id, user_id)
    if user is None or str(user.sign_outs) != sign_outs:
        raise ChallengeGone
    recording.tried_by(Author(user.id), user.partner_id)
    place = await place_for(sessions, user, address)
    await check_code(sessions.proofs, user, code, place)
    await answer(sessions.challenges, Purpose.SECOND_STEP, challenge)
    return await begin(sessions, user, client, place, recording, is_strong=True)


async def sign_in_with_passkey(
    sessions: Sessions, credential: dict[str, Any], client: str, address: str, recording: Recording
) -> Issued:
    """A new session of whoever shows a passkey. Raises WrongPasskey, ChallengeGone."""
    user = await shown(sessions.proofs.passkeys, credential)
    place = await place_for(sessions, user, address)
    return await begin(sessions, user, client, place, recording, is_strong=True)


async def place_for(sessions: Sessions, user: User | None, address: str) -> Place:
    """Where a request of a user (or of nobody: it takes as long) came from."""
    place = place_of(address)
    return Place(place, await sessions.store.was_at(*((user.partner_id, user.id) if user else ("", "")), place))


async def begin(
    sessions: Sessions, user: User, client: str, place: Place, recording: Recording, *, is_strong: bool
) -> Issued:
    """A new session of a user who proved who he is, by more than a password if it `is_strong`."""
    now, session_id, seed = datetime.now(UTC), new_id("ses"), secrets.token_urlsafe(32)
    await recording.asked_by(Author(user.id), user.partner_id, session_id)
    session = Session(
        id=session_id,
        partner_id=user.partner_id,
        user_id=user.id,
        client=client,
        place=place.id,
        sealed=sessions.keyring.seal(seed, session_id),
        sign_outs=user.sign_outs,
        began_at=now,
        last_used_at=now,
        ends_at=sessions.lifetime.end(now, now),
        is_strong=is_strong,
    )
    await sessions.store.add(session)
    await _end_the_oldest(sessions, user, recording, now)
    return await _issued(sessions, user, session, seed)


async def _end_the_oldest(sessions: Sessions, user: User, recording: Recording, now: datetime) -> None:
    """Of a user who has more sessions than he may have."""
    for session_id in await sessions.store.beyond(user, sessions.most, now):
        because = ["too many sessions"]
        await recording.happened("session ended", Author(user.id), user.partner_id, session_id, because=because)
        await _end(sessions, user.partner_id, user.id, session_id)


async def refresh(sessions: Sessions, text: str, recording: Recording) -> Issued:
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
        current = await _repeated(sessions, session, token.number, now, recording)
    return await _issued(sessions, user, current, seed)


async def _repeated(sessions: Sessions, session: Session, number: int, now: datetime, recording: Recording) -> Session:
    """The session whose token was used before, but just now. Otherwise it ends. Raises InvalidGrant."""
    current = await sessions.store.going_on_of_all_partners(session.id)
    if current is None or not current.follows(number, now, sessions.grace):
        log.warning("refresh_token_reused", session=session.id, user=session.user_id)
        author, because = Author(session.user_id), ["refresh token used again"]
        await recording.happened("session ended", author, session.partner_id, session.id, because=because)
        await _end(sessions, session.partner_id, session.user_id, session.id)
        raise InvalidGrant("This session does not go on.")
    return current


async def end_session(sessions: Sessions, caller: Caller, session_id: str) -> None:
    """Sign out one client of the caller's. Raises NotFound, and SignInTooOld for another than the one he asks with."""
    if session_id != caller.session_id:
        await _check_fresh(sessions, caller)
    if not await _end(sessions, caller.partner_id, caller.user_id, session_id):
        raise NotFound("You have no such session.")


async def sign_out_everywhere(sessions: Sessions, caller: Caller) -> None:
    """End every session and refuse every token of the caller, in one write. Raises NotFound, SignInTooOld."""
    await _check_fresh(sessions, caller)
    await _sign_out(sessions, caller.partner_id, caller.user_id)


async def _check_fresh(sessions: Sessions, caller: Caller) -> None:
    """Whoever has no more than a token of somebody does not shut him out. Raises SignInTooOld."""
    own = await sessions.store.own(caller.partner_id, caller.user_id, caller.session_id or "")
    if own is None or datetime.now(UTC) - own.began_at > sessions.lifetime.fresh:
        raise SignInTooOld(sessions.lifetime.fresh)


async def sign_out_user(sessions: Sessions, caller: Caller, user_id: str) -> None:
    """The same of a user of the caller's partner. Raises NotFound, OwnerFixed."""
    user = await sessions.users.user(caller.partner_id, user_id)
    if user is not None and user.is_owner and user.id != caller.user_id:
        raise OwnerFixed("Only the owner signs himself out.")
    await _sign_out(sessions, caller.partner_id, user_id)


async def _sign_out(sessions: Sessions, partner_id: str, user_id: str) -> None:
    trace = current_traceparent()
    if await sessions.users.revoke(partner_id, user_id, {}, trace=trace, sign_out=True) is None:
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
    ended = await sessions.store.end(partner_id, user_id, session_id, current_traceparent())
    sessions.relay.wake()
    return ended


async def _issued(sessions: Sessions, user: User, session: Session, seed: str) -> Issued:
    is_limited = not session.is_strong and await _needs_second_factor(sessions, user)
    permissions = frozenset[str]() if is_limited else user.may
    grant = Grant(user.id, user.partner_id, permissions, user.version, FIRST_PARTY, session.id)
    return Issued(await issue(sessions.keys, grant), RefreshToken.made(session.id, session.number, seed), is_limited)


async def _needs_second_factor(sessions: Sessions, user: User) -> bool:
    if user.partner_id == PLATFORM:
        return sessions.staff_second_factor
    partner = await sessions.users.partner(user.partner_id)
    return partner is not None and partner.second_factor_required
