"""What came of the attempts: written in bulk, and announced.

The announcement of a batch is kept before its results are written and counts once they are, so that neither a crash
between the two nor one before publishing loses a fact; whoever comes later finds it (`handlers.relay`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from uuid import uuid4

from aiokafka.errors import KafkaError
from opentelemetry.trace import SpanKind
from pymongo.errors import PyMongoError

from common import metrics
from common.events import Outgoing
from common.jobs import Pace, Stop
from common.kafka.connection import Kafka
from common.logs import error_code, logger
from common.mongo import Document
from common.telemetry import continue_trace, is_sampled, traceparent_of
from outbox.announcements import Announcements
from outbox.domain import FINAL, Account, Answer, Outcome, Status, has_expired, next_delay
from outbox.facts import Fact, record_of
from outbox.items import Item, Reach
from outbox.queue import RETRY_RANK, Queue, Result
from outbox.storage import Store

log = logger(__name__)

WRITE_EVERY_SECONDS = 0.03
LOOK_EVERY_SECONDS = 1.0
MOST_AT_ONCE = 500
A_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class RetryRules:
    """When a message is tried again (B10), for how long, and by how many refusals its account is stopped (B9)."""

    delays: tuple[float, ...]
    max_age: timedelta
    stop_after: int


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The provider refused the account. `is_first`: what was seen just before is that it worked."""

    account: Account
    words: str
    is_first: bool


class Results:
    """`in_hand` is what was claimed and whose result is not written yet; `sent_for` are partners and when a mail of
    theirs was sent last (B6)."""

    def __init__(
        self, queue: Queue, announcements: Announcements, store: Store, kafka: Kafka, rules: RetryRules
    ) -> None:
        self.in_hand: dict[tuple[str, str], Item] = {}
        self.sent_for: dict[str, datetime] = {}
        self.finished = asyncio.Event()
        self._queue = queue
        self._announcements = announcements
        self._store = store
        self._kafka = kafka
        self._rules = rules
        self._due: list[tuple[str, Result]] = []
        self._announcing: asyncio.Task[None] | None = None
        self._health: dict[str, Document] = {}
        self._refusals: deque[_Refusal] = deque()
        self._counting = asyncio.Lock()

    def add(self, account: Account, item: Item, answer: Answer, reach: Reach) -> None:
        """An attempt through `account`, as it was then, ended with `answer`."""
        before = (one["ended_at"] + A_MOMENT for one in item.message["attempts"][-1:])
        now = max([datetime.now(UTC), *before])  # whoever knows both ends by their times takes the later for the last
        item.message["trace"] = _span(account, item, answer)
        metrics.ATTEMPTS.labels(item.message["channel"], answer.outcome.value).inc()
        if answer.refuses_account and reach is not Reach.SHARED:
            worked = self._health.get(account.id, {}).get("works", False)
            self._refusals.append(_Refusal(account, answer.reply, is_first=worked))
        if reach is not Reach.NOWHERE:
            self._note_health(account, answer, reach, now)
        self._due.append((item.token, self._result(account, item, answer, now)))
        self.finished.set()

    def _result(self, account: Account, item: Item, answer: Answer, now: datetime) -> Result:
        message = item.message
        attempt = {"at": item.claimed_at, "ended_at": now, "outcome": answer.outcome.value, "reply": answer.reply}
        attempt |= {"code": answer.code, "enhanced": answer.enhanced}
        sent = answer.outcome is Outcome.SENT
        change: Document = {"error": None if sent else answer.reply}
        if _may_be_second(account, message["attempts"], answer, now):
            change["possible_duplicate"] = True
            metrics.POSSIBLE_DUPLICATES.labels(message["channel"]).inc()
        is_final = sent or answer.outcome in FINAL
        due_since = max(message["due_since"], account.released_at or message["due_since"])
        if not is_final and has_expired(due_since, now, self._rules.max_age):
            answer = replace(answer, outcome=Outcome.EXPIRED)
        elif not is_final:
            delay = next_delay(self._rules.delays, len(message["attempts"]) + 1)
            due_at = now + max(delay, timedelta(seconds=answer.retry_after or 0))
            change |= {
                "status": Status.WAITING,
                "due_at": due_at,
                "retry_at": due_at,
                "rank": message["priority"] + RETRY_RANK,
            }
            return Result(message, attempt, change, None)
        if sent:
            attempt["provider_id"] = answer.provider_id
            metrics.DELIVERY.labels(message["channel"]).observe((now - message["event"]["time"]).total_seconds())
            if message["channel"] == "email":
                self.sent_for[message["partner_id"]] = now
            change["from_address"] = account.from_address
        change |= {"status": Status.SENT if sent else Status.ERROR, "executed_at": now}
        fact = Fact(message["_id"], answer.outcome, answer.provider_id, message["trace"])
        return Result(message, attempt, change, fact)

    @property
    def unwritten(self) -> set[str]:
        """Messages of which results are known and not written yet."""
        return {result.message["_id"] for _, result in self._due}

    async def run(self, stop: Stop, is_claiming: Callable[[], bool]) -> None:
        """Write and announce, in the batches that come about by themselves, until all is done that was claimed."""
        pace = Pace(WRITE_EVERY_SECONDS)
        while self._due or self.in_hand or is_claiming() or not stop.is_set():
            self.finished.clear()
            if self._due:
                await pace.turn()
                await self._write()
            elif stop.is_set():
                await self.until_something_finished(LOOK_EVERY_SECONDS)
            else:
                await stop.wait_or(self.finished, LOOK_EVERY_SECONDS)
        if self._announcing is not None:
            await self._announcing

    async def until_something_finished(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.finished.wait(), seconds)

    async def _write(self) -> None:
        await self.count_refusals()
        batch = self._due[:MOST_AT_ONCE]
        by_token: dict[str, list[Result]] = {}
        for token, result in batch:
            by_token.setdefault(token, []).append(result)
        groups = {uuid4().hex: group for group in by_token.items()}
        to_tell = {key: group for key, group in groups.items() if any(result.fact for result in group[1])}
        await self._announcements.keep(to_tell, datetime.now(UTC))
        written = await asyncio.gather(*(self._queue.write_results(*group, key) for key, group in groups.items()))
        del self._due[: len(batch)]
        for token, result in batch:
            self.in_hand.pop((token, result.message["_id"]), None)
        if self._announcing is not None:
            await self._announcing
        ours = [key for key, is_ours in zip(groups, written, strict=True) if is_ours]
        if len(ours) < len(groups):
            # Some claims were lost meanwhile; which results were written only the database knows: the relay asks it.
            log.warning("claims_lost", batches=len(groups) - len(ours))
        records = [_record(result, result.fact) for key in ours for result in groups[key][1] if result.fact]
        self._announcing = asyncio.create_task(self._announce_now([key for key in ours if key in to_tell], records))

    async def count_refusals(self) -> None:
        """Before the results, so that none is forgotten whose message shows it, and before the next attempt (B9)."""
        async with self._counting:
            while self._refusals:
                one, now = self._refusals[0], datetime.now(UTC)
                if await self._store.count_refusal_of_all_partners(
                    one.account, one.words, now, self._rules.stop_after, is_first=one.is_first
                ):
                    log.warning("account_stopped", account_id=one.account.id, partner_id=one.account.partner_id)
                self._refusals.popleft()

    async def _announce_now(self, ids: Sequence[str], records: Sequence[Outgoing]) -> None:
        """Announce while the next results are written; what fails here the relay announces later."""
        try:
            await self.announce(ids, records)
        except (KafkaError, PyMongoError) as error:
            log.warning("announce_later", facts=len(records), error=error_code(error))

    async def announce(self, ids: Sequence[str], records: Sequence[Outgoing]) -> None:
        """Publish the records of the kept announcements `ids`, then forget these."""
        if ids:
            await self._kafka.publish(records)
            await self._announcements.forget(ids)

    def _note_health(self, account: Account, answer: Answer, reach: Reach, now: datetime) -> None:
        if reach is Reach.INSIDE and answer.outcome is not Outcome.ACCOUNT_REFUSED:
            seen: Document = {"works": True, "last_reached_at": now, "failing_since": None, "error": None}
        else:
            since = self._health.get(account.id, {}).get("failing_since") or now
            seen = {"works": False, "failing_since": since, "error": answer.reply, "failed_at": now}
        self._health[account.id] = seen | {"of_version": account.version}

    async def write_health(self) -> bool:
        """Keep what attempts since the last call say about some accounts (B9); True when there may be more of them."""
        learned = dict(islice(self._health.items(), MOST_AT_ONCE))
        await self._store.note_health_of_all_partners(learned)
        for account_id, health in learned.items():
            if self._health[account_id] is health:  # else more was learned meanwhile
                del self._health[account_id]
        return len(learned) == MOST_AT_ONCE


def _may_be_second(account: Account, attempts: Sequence[Document], answer: Answer, now: datetime) -> bool:
    """True when the provider may have the message twice: the answer was lost and it does not know it again, or it may
    have got it at times so far apart that it had forgotten it (F6)."""
    is_lost, remembers = answer.outcome is Outcome.UNKNOWN, account.via.remembers
    if remembers is None:
        return is_lost and not account.via.is_idempotent
    is_new = answer.outcome is Outcome.SENT and answer.provider_id  # else it knew it again
    since_sent = takewhile(lambda one: one["outcome"] != Outcome.SENT, reversed(attempts))
    at = [one["at"] for one in since_sent if one["outcome"] == Outcome.UNKNOWN] + ([now] if is_lost or is_new else [])
    return bool(at) and max(at) - min(at) > remembers


def _record(result: Result, fact: Fact) -> Outgoing:
    message, attempt = result.message | result.change, result.attempt
    return record_of(fact, message, len(message["attempts"]) + 1, attempt["ended_at"], attempt["reply"])


def _span(account: Account, item: Item, answer: Answer) -> str | None:
    """The attempt as a span in the message's own trace, if that is recorded; returns what continues it."""
    message = item.message
    if not is_sampled(message["trace"]):
        return message["trace"]
    protocol = account.via.protocol
    attributes = {
        "message.id": message["_id"],
        "message.attempt": len(message["attempts"]) + 1,
        "account.id": message["account_id"],
        "outcome": answer.outcome.value,
        f"{protocol}.code": answer.code or 0,
    }
    span = continue_trace(
        f"{protocol} deliver", message["trace"], kind=SpanKind.CLIENT, start_time=item.started_ns, attributes=attributes
    )
    span.end()
    return traceparent_of(span)
