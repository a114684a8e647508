"""The use cases of reports: a mail that came back, a gateway's word, and what both lead to (B2, B10).

A report is about one attempt. It changes what became of the message only if that attempt is what made it SENT; else it
is kept with the attempt. What comes before the attempt's own result is put aside until that is written.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common import metrics
from common.events import Outgoing
from common.kafka.connection import Kafka
from common.logs import logger
from common.mongo import Document
from outbox.domain import Outcome
from outbox.facts import Fact, record_of
from outbox.reports import returned
from outbox.reports.domain import About, Budget, Ignored, Report, Verdict
from outbox.reports.storage import ReportStore
from outbox.return_paths import ReturnPaths

log = logger(__name__)

TELLING = timedelta(seconds=10)
"""So long one process has to announce what it took on."""
TOLD_AT_ONCE = 100
LONGEST_PAUSE = timedelta(minutes=1)


@dataclass
class Reports:
    """What the use cases work with. `wait`: so long a report may be early; `most_bytes` a mail may have."""

    store: ReportStore
    kafka: Kafka
    return_paths: ReturnPaths
    budget: Budget
    wait: timedelta
    most_bytes: int


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
    await take(reports, About(partner_id, channel, about.message_id, about.attempt), report, now)
    return report.verdict


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
        elif (age := now - early.came_at) > reports.wait:
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
    if report.verdict is not Verdict.FAILED:
        await reports.store.note(about.partner_id, message["_id"], position, report)
    elif await reports.store.bounce(about.partner_id, message["_id"], position, report, now):
        metrics.BOUNCES.labels(about.channel, report.subject).inc()
        log.info("bounced", message_id=message["_id"], partner_id=about.partner_id, code=report.code)
    return True


async def tell_bounces(reports: Reports) -> None:
    """Publish `message.failed` for what bounced, before it may be deleted or sent again."""
    messages: list[Document] = []
    now = datetime.now(UTC)
    while len(messages) < TOLD_AT_ONCE and (one := await reports.store.to_be_told_of_all_partners(now, TELLING)):
        messages.append(one)
    if messages:
        await reports.kafka.publish([_record(one) for one in messages])
        await reports.store.told(messages)


def _record(message: Document) -> Outgoing:
    kept = message["unannounced"]
    fact = Fact(message["_id"], Outcome(kept["reason"]), "", message["trace"])
    return record_of(fact, message, kept["attempts"], kept["at"], kept["words"], also="/bounced")


def _ignore(channel: str, why: Ignored) -> Ignored:
    metrics.REPORTS.labels(channel, why.value).inc()
    return why
