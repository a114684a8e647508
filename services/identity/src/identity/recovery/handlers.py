"""Links in mails: asking for one, and following it."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.audit.requests import Recording
from common.auth import Caller
from common.authors import Author
from common.ids import new_id
from common.jobs import each_alone
from identity.domain import User, folded
from identity.handlers import Identity, known_user, letter_to, secure
from identity.mails.domain import LetterKind, LinkNotGood, MailedToken, Mailing, hash_of, owner_of
from identity.recovery.domain import AlreadyAccepted, Forgotten
from identity.recovery.storage import RecoveryStore, is_spent_by
from identity.throttling.domain import place_of
from identity.throttling.handlers import Throttle, take_mail

REQUESTS_AT_ONCE = 100


@dataclass
class Recovery:
    """What the use cases work with."""

    store: RecoveryStore
    identity: Identity
    throttle: Throttle
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a request was kept; without it the job looks now and then."""


async def forgotten(recovery: Recovery, email: str, address: str) -> None:
    """Keep a request for a new password. Whether there is such a user is looked up later, by a job: so neither words
    nor time of the answer tell. Raises TooManyAttempts, alike for everybody."""
    await take_mail(recovery.throttle, folded(email), place_of(address))
    await recovery.store.ask(Forgotten(new_id("req"), folded(email), datetime.now(UTC)))
    recovery.asked.set()


async def answer_forgotten(recovery: Recovery) -> int:
    """Write to those who forgot their password and are users; returns how many requests are done with. One that cannot
    be answered is forgotten, and holds up no other: whoever gets no mail asks again."""

    async def answered(request: Forgotten) -> None:
        user = await recovery.identity.store.user_by_email_of_all_partners(request.email)
        if user is not None:
            await _answer(recovery, user, request)

    async def forgets(_: Forgotten) -> None:
        return None

    requests = await recovery.store.asked(REQUESTS_AT_ONCE)
    await each_alone("forgotten passwords", requests, answered, forgets)
    if requests:
        await recovery.store.answered(requests)
    return len(requests)


async def _answer(recovery: Recovery, user: User, request: Forgotten) -> None:
    kind = LetterKind.PASSWORD_RESET
    letter = await letter_to(recovery.identity, user, kind, asked_by=request.id, asked_at=request.at)
    await recovery.store.answer(user, letter, request)
    recovery.identity.mails.written.set()


async def invite_again(recovery: Recovery, caller: Caller, user_id: str) -> None:
    """A new invitation; the earlier one is not good any more. Raises NotFound, AlreadyAccepted, TooManyAttempts."""
    user = await known_user(recovery.identity, caller.partner_id, user_id)
    if not user.is_invited:
        raise AlreadyAccepted("Let him ask for a new password, if he forgot his.")
    await take_mail(recovery.throttle, user.email)
    await _mail(recovery, user, LetterKind.INVITATION)


async def reset_for(recovery: Recovery, caller: Caller, user_id: str) -> None:
    """An administrator lets a user set a new password, who alone gets the link. Raises NotFound, TooManyAttempts."""
    user = await known_user(recovery.identity, caller.partner_id, user_id)
    await take_mail(recovery.throttle, user.email)
    await _mail(recovery, user, LetterKind.PASSWORD_RESET)


async def confirm_own(recovery: Recovery, caller: Caller, address: str | None = None) -> None:
    """Write to the caller's address, or to the one that he wants to have. Nobody learns whether it is somebody else's
    but who reads its mails. Raises NotFound, TooManyAttempts."""
    user = await known_user(recovery.identity, caller.partner_id, caller.user_id)
    to = folded(address or user.email)
    await take_mail(recovery.throttle, to)
    await _mail(recovery, user, LetterKind.EMAIL, address=to)


async def set_password(recovery: Recovery, kind: LetterKind, text: str, password: str, recording: Recording) -> None:
    """Follow an invitation or a link to a new password, which ends all sessions. Of several who were invited to one
    address the first to accept has it.

    Raises LinkNotGood, PasswordTooEasy (then the link stays good), EmailTaken.
    """
    user, token = await _followed(recovery, kind, text)
    await recording.asked_by(Author(user.id), user.partner_id, None)
    password_hash = await recovery.identity.passwords.hash(password, user.email, user.name)
    change = {"password_hash": password_hash, **_address(token)}
    is_first = kind is LetterKind.INVITATION
    news = None if is_first else await letter_to(recovery.identity, user, LetterKind.PASSWORD_CHANGED)
    await _spend(recovery, user, token, change, news, sign_out=True)


async def confirm_email(recovery: Recovery, text: str, recording: Recording) -> None:
    """Follow a link to an address: it is the user's from now on, and the one before hears of it.

    Raises LinkNotGood, EmailTaken.
    """
    user, token = await _followed(recovery, LetterKind.EMAIL, text)
    await recording.asked_by(Author(user.id), user.partner_id, None)
    is_new = token.address != user.email
    news = await letter_to(recovery.identity, user, LetterKind.EMAIL_CHANGED) if is_new else None
    await _spend(recovery, user, token, _address(token), news, sign_out=False)


def _address(token: MailedToken) -> dict[str, Any]:
    """Of whoever followed a link."""
    return {"email": token.address, "invited_as": None, "email_verified": True}


async def _mail(recovery: Recovery, user: User, kind: LetterKind, *, address: str | None = None) -> None:
    letter = await letter_to(recovery.identity, user, kind, address=address)
    await recovery.store.mail(user, letter)
    recovery.identity.mails.written.set()


async def _followed(recovery: Recovery, kind: LetterKind, text: str) -> tuple[User, MailedToken]:
    """Whoever follows a link, and its token. Raises LinkNotGood."""
    found = await recovery.store.follows_of_all_partners(owner_of(text), kind)
    if found is None or found[1].hash != hash_of(text) or found[1].expires_at <= datetime.now(UTC):
        raise LinkNotGood
    return found


async def _spend(
    recovery: Recovery, user: User, token: MailedToken, change: dict[str, Any], news: Mailing | None, *, sign_out: bool
) -> None:
    spent = await secure(recovery.identity, user, change, news=news, where=is_spent_by(token), sign_out=sign_out)
    if spent is None:
        raise LinkNotGood
