"""The use cases of reports: a mail that came back, a gateway's word, and what both lead to (B2, B10).

A report is about one attempt. It changes what became of the message only if that attempt is what made it SENT; else it
is kept with the attempt. What comes before the attempt's own result is put aside until that is written.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common import metrics
from common.events import Outgoing
from common.kafka.connection import Kafka
from common.keyring import Keyring, SecretUnreadable
from common.logs import error_code, logger
from common.mongo import Document
from outbox.domain import Account, Outcome
from outbox.facts import Fact, record_of
from outbox.report_urls import ReportUrls
from outbox.reports import callbacks, returned
from outbox.reports.callbacks import OfText, is_signed
from outbox.reports.domain import About, Budget, Ignored, Report, SignatureWrong, Verdict
from outbox.reports.mailbox import TROUBLES, Mailbox
from outbox.reports.storage import ReportStore
from outbox.return_paths import ReturnPaths
from outbox.storage import Store
from outbox.via import HttpGateway

log = logger(__name__)

TELLING = timedelta(seconds=10)
"""So long one process has to announce what it took on."""
TOLD_AT_ONCE = 100
LONGEST_PAUSE = timedelta(minutes=1)
A_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Limits:
    """`wait`: so long a report may be early; `window` is how many seconds old a signature may be."""

    most_bytes_of_mail: int
    most_bytes: int
    wait: timedelta
    window: float


@dataclass
class Reports:
    """What the use cases work with."""

    store: ReportStore
    accounts: Store
    keyring: Keyring
    kafka: Kafka
    return_paths: ReturnPaths
    urls: ReportUrls
    budget: Budget
    limits: Limits
    bounced: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is a bounce to announce; without it the job looks now and then."""


async def hand_in(reports: Reports, raw: bytes, place: str) -> Verdict | Ignored:
    """A mail that came to a bounce domain, from `place`; says what it was. Raises TooManyReports."""
    reports.budget.take(place, time.monotonic())
    return await take_mail(reports, raw)


async def take_mail(reports: Reports, raw: bytes) -> Verdict | Ignored:
    """A mail that came to a bounce domain; says what it was."""
    now = datetime.now(UTC)
    understood = await asyncio.to_thread(returned.understand, raw, reports.return_paths, now)
    if isinstance(understood, Ignored):
        return _ignore("email", understood)
    about, report = understood
    owner = await reports.store.owner_of_all_partners(about.message_id)
    if owner is None:
        return _ignore("email", Ignored.GONE)
    partner_id, channel = owner
    meant = About(partner_id=partner_id, channel=channel, message_id=about.message_id, attempt=about.attempt)
    await take(reports, meant, report, now)
    return report.verdict


async def empty_mailbox(reports: Reports, mailbox: Mailbox) -> None:
    """Work off what is unread in a mailbox; when that is cut off, the rest stays unread."""
    try:
        visit = await asyncio.to_thread(mailbox.open)
        try:
            for uid in await asyncio.to_thread(visit.unread):
                await take_mail(reports, await asyncio.to_thread(visit.read, uid))
                await asyncio.to_thread(visit.mark, uid)
        finally:
            await asyncio.to_thread(visit.end)
        metrics.MAILBOX_AWAY.set(0)
    except TROUBLES as error:
        metrics.MAILBOX_AWAY.set(1)
        log.warning("mailbox_away", error=error_code(error))


async def take_signed(reports: Reports, account_id: str, headers: Mapping[str, str], body: bytes) -> int:
    """Reports of a gateway, signed as its account says; how many were understood.

    Raises SignatureWrong, TooManyReports.
    """
    account = await _account(reports, account_id)
    rules = account.via.reports if account and isinstance(account.via, HttpGateway) else None
    secret = _secret_of(reports, account) if account else None
    if not account or not rules or not secret or not is_signed(rules, secret, headers, body, reports.limits.window):
        raise SignatureWrong("Sign the body, and the time if it is asked for, as the account says.")
    return await _take_all(reports, account, callbacks.read(rules, body, datetime.now(UTC)))


async def take_smsapi(reports: Reports, account_id: str, proof: str, found: Sequence[OfText]) -> None:
    """Reports that came to the URL that only SMSAPI was told. Raises SignatureWrong, TooManyReports."""
    account = await _account(reports, account_id) if reports.urls.is_good(account_id, proof) else None
    if account is None:
        raise SignatureWrong("Use the URL that came with the message.")
    await _take_all(reports, account, found)


async def _account(reports: Reports, account_id: str) -> Account | None:
    return (await reports.accounts.accounts_by_id_of_all_partners([account_id])).get(account_id)


def _secret_of(reports: Reports, account: Account) -> str | None:
    """What the gateway signs with; None when there is none that can be read."""
    with suppress(SecretUnreadable):
        sealed = account.reports_secret
        return reports.keyring.open(sealed, account.reports_sealed_for) if sealed else None
    return None


async def _take_all(reports: Reports, account: Account, found: Sequence[OfText]) -> int:
    reports.budget.take(account.id, time.monotonic(), max(len(found), 1))
    for one in found:
        about = About(
            partner_id=account.partner_id,
            channel=account.channel,
            message_id=one.key,
            account_id=account.id,
            provider_id=one.provider_id,
        )
        await take(reports, about, one.report, datetime.now(UTC))
    return len(found)


async def take(reports: Reports, about: About, report: Report, now: datetime) -> None:
    """Let a report have its effect, now or as soon as the attempt's result is known."""
    metrics.REPORTS.labels(about.channel, report.verdict.value).inc()
    if not await _settle(reports, about, report, now):
        await reports.store.put_aside(about, report, now)


async def look_again(reports: Reports) -> None:
    """See whether reports that came early can have their effect; those that waited too long have none."""
    now = datetime.now(UTC)
    for early in await reports.store.early_of_all_partners(now):
        if await _settle(reports, early.about, early.report, now):
            await reports.store.let_go(early)
        elif (age := now - early.came_at) > reports.limits.wait:
            _ignore(early.about.channel, Ignored.UNMATCHED)
            await reports.store.let_go(early)
        else:
            await reports.store.look_later(early, now + min(age, LONGEST_PAUSE))


async def _settle(reports: Reports, about: About, report: Report, now: datetime) -> bool:
    """False when it is too early."""
    message = await reports.store.meant(about)
    position = about.position(message["attempts"]) if message else None
    if message is None or position is None:
        return False
    # Whoever knows both ends by their times (`message.sent`, `message.failed`) must take this one for the later.
    now = max(now, (message["executed_at"] or now) + A_MOMENT)
    if report.verdict is not Verdict.FAILED:
        await reports.store.note(about.partner_id, message["_id"], position, report)
    elif await reports.store.bounce(about.partner_id, message["_id"], position, report, now):
        reports.bounced.set()
        metrics.BOUNCES.labels(about.channel, report.subject).inc()
        log.info("bounced", message_id=message["_id"], partner_id=about.partner_id, code=report.code)
    return True


async def tell_bounces(reports: Reports) -> int:
    """Publish `message.failed` for what bounced, before it may be deleted or sent again; returns for how many."""
    messages: list[Document] = []
    now = datetime.now(UTC)
    while len(messages) < TOLD_AT_ONCE and (one := await reports.store.to_be_told_of_all_partners(now, TELLING)):
        messages.append(one)
    if messages:
        await reports.kafka.publish([_record(one) for one in messages])
        await reports.store.told(messages)
    return len(messages)


def _record(message: Document) -> Outgoing:
    kept = message["unannounced"]
    fact = Fact(message["_id"], Outcome(kept["reason"]), "", message["trace"])
    return record_of(fact, message, kept["attempts"], kept["at"], kept["words"], also="/bounced")


def _ignore(channel: str, why: Ignored) -> Ignored:
    metrics.REPORTS.labels(channel, why.value).inc()
    return why
