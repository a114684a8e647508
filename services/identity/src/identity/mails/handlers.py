"""Writing letters, and letting them leave through the platform's own account."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common.events import Content, EventRef, MessageRequested, Outgoing, Recipient, encode
from common.ids import computed_id, new_id
from common.jobs import each_alone
from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.telemetry import current_traceparent
from identity.mails import words
from identity.mails.domain import Addressee, Letter, LetterKind, MailedToken, Mailing, harmless, hash_of, new_token
from identity.mails.storage import LetterStore

SOURCE = "/identity"
PRIORITY = 0
USERS_AT_ONCE = 100
PUT_OFF = timedelta(minutes=1)
"""A letter that cannot be made is tried again after this."""


@dataclass
class Mails:
    """What the use cases work with. Links lead to pages below `pages`, and are good for `lifetimes`; `platform` is the
    partner whose sender account letters leave through."""

    store: LetterStore
    kafka: Kafka
    keyring: Keyring
    pages: str
    lifetimes: Mapping[LetterKind, timedelta]
    platform: str
    written: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a letter was kept; without it the job looks now and then."""


def write(
    mails: Mails, kind: LetterKind, to: Addressee, asked_by: str = "", asked_at: datetime | None = None
) -> Mailing:
    """A letter, and the token of its link if it has one. Keep both in the write of what it is about.

    `asked_by` is the id of the request of `asked_at` that it answers: its answers are one message.
    """
    now, letter_id = datetime.now(UTC), asked_by or new_id("let")
    sealed, token = None, None
    if kind in mails.lifetimes:
        text, expires_at = new_token(to.user_id), now + mails.lifetimes[kind]
        sealed = mails.keyring.seal(text, letter_id)
        token = MailedToken(kind, hash_of(text), to.address, expires_at, letter_id, asked_at or now)
    letter = Letter(
        id=letter_id,
        kind=kind,
        address=to.address,
        name=to.name,
        language=to.language,
        company=to.company,
        at=now,
        sealed=sealed,
        expires_at=token.expires_at if token else None,
        trace=current_traceparent(),
    )
    return Mailing(letter, token)


async def send(mails: Mails) -> int:
    """Let the letters of some users leave; returns how many did. Whoever does it again sends the same messages. One
    that cannot be made, for instance because its key is gone, holds up no other."""
    now = datetime.now(UTC)

    async def made(one: tuple[str, Letter]) -> tuple[tuple[str, Letter], Outgoing]:
        request = _request(mails, *one)
        return one, encode(request, event_id=request.message_id, source=SOURCE, trace=one[1].trace)

    async def put_off(one: tuple[str, Letter]) -> None:
        await mails.store.put_off(*one, now + PUT_OFF)

    if letters := await each_alone("letters", await mails.store.waiting(now, USERS_AT_ONCE), made, put_off):
        await mails.kafka.publish([record for _, record in letters])
        await mails.store.have_left([one for one, _ in letters])
    return len(letters)


def _request(mails: Mails, user_id: str, letter: Letter) -> MessageRequested:
    kind = f"account.{letter.kind}"
    return MessageRequested(
        message_id=computed_id(kind, letter.id),
        partner_id=mails.platform,
        kind=kind,
        recipient=Recipient(address=letter.address, name=letter.name, reasons=[f"it is the account of {user_id}"]),
        content=_content(mails, letter),
        priority=PRIORITY,
        event=EventRef(source=SOURCE, id=letter.id, time=letter.at),
    )


def _content(mails: Mails, letter: Letter) -> Content:
    company = harmless(letter.company)
    if letter.sealed is None or letter.expires_at is None:
        return words.news(letter.language, letter.kind, company=company, at=f"{letter.at:%Y-%m-%d %H:%M}")
    # After the # it is sent to no server, and stands in no log of one.
    link = f"{mails.pages}/{letter.kind}#token={mails.keyring.open(letter.sealed, letter.id)}"
    return words.with_link(
        letter.language, letter.kind, company=company, link=link, until=f"{letter.expires_at:%Y-%m-%d %H:%M}"
    )
