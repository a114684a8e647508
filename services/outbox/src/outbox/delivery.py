"""The engine: claims due messages, lets lanes send them, and writes and announces what came of it.

Three loops share the work, each started again by itself when a part of ours was away: `claims` fills the lanes,
`results` writes what they did in bulk, `leases` keeps the claims of what is still in hand.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from aiokafka.errors import KafkaError
from opentelemetry.trace import SpanKind
from pymongo.errors import PyMongoError

from common import metrics
from common.events import MessageSent
from common.jobs import Pace, Stop
from common.kafka.connection import Kafka
from common.keyring import Keyring, SecretUnreadable
from common.logs import error_code, logger
from common.mongo import Document
from common.telemetry import continue_trace, is_sampled, traceparent_of
from outbox.domain import FINAL, Account, Answer, Outcome, Status, has_expired, next_delay
from outbox.facts import fact_of, record_of
from outbox.lanes import Item, Lane
from outbox.mime import Mail
from outbox.queue import RETRY_RANK, Queue, Result
from outbox.smtp import Connection, Network, Refused, connect
from outbox.storage import Store

log = logger(__name__)

LOOK_EVERY_SECONDS = 0.5
CLAIM_EVERY_SECONDS = 0.01
WRITE_EVERY_SECONDS = 0.03
MOST_IN_HAND = 2_000
MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Rules:
    """The engine's settings."""

    batch: int
    lease: timedelta
    retry_delays: tuple[float, ...]
    max_age: timedelta
    smtp_timeout: float
    smtp_idle: float


class Delivery:
    """Everything in hand of this process.

    `wake` says that something became due; `sent_for` are partners and when a mail of theirs was sent last (B6).
    """

    def __init__(
        self, queue: Queue, store: Store, kafka: Kafka, keyring: Keyring, network: Network, rules: Rules
    ) -> None:
        self.wake = asyncio.Event()
        self.sent_for: dict[str, datetime] = {}
        self._queue = queue
        self._store = store
        self._kafka = kafka
        self._keyring = keyring
        self._network = network
        self._rules = rules
        self._lanes: dict[str, Lane] = {}
        self._in_hand: dict[tuple[str, str], Item] = {}
        self._results: list[tuple[str, Result]] = []
        self._finished = asyncio.Event()
        self._is_claiming = False
        self._announcing: asyncio.Task[None] | None = None
        self._health: dict[str, Document] = {}

    async def claims(self, stop: Stop) -> None:
        """Claim what is due and hand it to the lanes, until `stop`; then give back what was not begun."""
        pace = Pace(CLAIM_EVERY_SECONDS)
        while not stop.is_set():
            await pace.turn()
            self.wake.clear()
            self._is_claiming = True
            try:
                claimed = await self._claim()
            finally:
                self._is_claiming = False
            if not claimed or len(self._in_hand) >= MOST_IN_HAND:
                await stop.wait_or(self.wake, LOOK_EVERY_SECONDS)
        await self._put_down()

    async def _claim(self) -> int:
        await self._look_at_resting()
        rooms = {account_id: lane.room for account_id, lane in self._lanes.items()}
        lease = self._rules.lease
        until = asyncio.get_running_loop().time() + lease.total_seconds()
        claim = await self._queue.claim(datetime.now(UTC), lease, self._rules.batch, rooms)
        if not claim.messages:
            return 0
        # Read anew each time: whoever has just mended an account and presses "resend" must not meet the old one.
        accounts = await self._store.accounts_by_id_of_all_partners({one["account_id"] for one in claim.messages})
        orphans: dict[tuple[str, str], list[str]] = {}
        for message in claim.messages:
            account = accounts.get(message["account_id"])
            if account is None:
                orphans.setdefault((message["partner_id"], message["account_id"]), []).append(message["_id"])
                continue
            item = Item(claim.token, message, claim.at, until)
            self._in_hand[claim.token, message["_id"]] = item
            self._lane(account).take(item)
        for (partner_id, account_id), ids in orphans.items():
            await self._queue.give_back(claim.token, ids, datetime.now(UTC))
            await self._queue.hold(partner_id, account_id)
        return len(claim.messages)

    async def _look_at_resting(self) -> None:
        """A lane rests no longer once its account was changed, in whichever process."""
        resting = [account_id for account_id, lane in self._lanes.items() if lane.is_resting]
        if resting:
            for account in (await self._store.accounts_by_id_of_all_partners(resting)).values():
                self._lanes[account.id].use(account)

    def _lane(self, account: Account) -> Lane:
        lane = self._lanes.get(account.id)
        if lane is None:
            lane = Lane(account, self._connect, self._attempt, self._done, self._rules.smtp_idle)
            self._lanes[account.id] = lane
        lane.use(account)
        return lane

    def hurry(self, account_id: str) -> None:
        """Somebody asks for a message of this account now (B4): look at once, also when its lane rests."""
        if lane := self._lanes.get(account_id):
            lane.end_rest()
        self.wake.set()

    async def _connect(self, account: Account) -> Connection:
        return await connect(account, self.password_of(account), self._network, self._rules.smtp_timeout)

    def password_of(self, account: Account) -> str | None:
        """The account's password in the open. Raises Refused when no key of the ring opens it."""
        if account.password is None:
            return None
        try:
            return self._keyring.open(account.password, f"{account.partner_id}/{account.id}")
        except SecretUnreadable:
            words = "the password cannot be read any more: set it again"
            raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=words)) from None

    async def try_account(self, account: Account) -> Answer:
        """Connect and sign in as for a message, and send nothing (B11)."""
        try:
            connection = await self._connect(account)
        except Refused as refused:
            return refused.answer
        connection.close()
        return Answer(Outcome.SENT, reply="connected and signed in")

    async def _attempt(self, account: Account, item: Item, connection: Connection) -> Answer:
        content, recipient = item.message["content"], item.message["recipient"]
        mail = Mail(
            message_id=item.message["_id"],
            from_address=account.from_address,
            from_name=account.from_name,
            to_address=recipient["address"],
            to_name=recipient["name"],
            subject=content["subject"],
            text=content["text"],
            html=content["html"],
        )
        return await connection.send(mail)

    def _done(self, account: Account, item: Item, answer: Answer, reached: bool) -> None:
        """A lane finished with `item`; `reached`: the mail server let us speak."""
        now = datetime.now(UTC)
        item.message["trace"] = _span(item, answer)
        metrics.ATTEMPTS.labels(item.message["channel"], answer.outcome.value).inc()
        self._note_health(account, answer, reached, now)
        self._results.append((item.token, self._result(account, item, answer, now)))
        self._finished.set()
        if self._lanes[account.id].wants_more:
            self.wake.set()

    def _result(self, account: Account, item: Item, answer: Answer, now: datetime) -> Result:
        message = item.message
        attempt = {"at": item.claimed_at, "ended_at": now, "outcome": answer.outcome.value, "reply": answer.reply}
        attempt |= {"code": answer.code, "enhanced": answer.enhanced}
        sent = answer.outcome is Outcome.SENT
        change: Document = {"error": None if sent else answer.reply}
        if answer.outcome is Outcome.UNKNOWN:
            change["possible_duplicate"] = True
            metrics.POSSIBLE_DUPLICATES.labels(message["channel"]).inc()
        if not sent and answer.outcome not in FINAL and has_expired(message["due_since"], now, self._rules.max_age):
            answer = replace(answer, outcome=Outcome.EXPIRED)
        elif not sent and answer.outcome not in FINAL:
            due_at = now + next_delay(self._rules.retry_delays, len(message["attempts"]) + 1)
            change |= {"status": Status.WAITING, "due_at": due_at, "rank": message["priority"] + RETRY_RANK}
            return Result(message, attempt, change, None)
        if sent:
            metrics.DELIVERY.labels(message["channel"]).observe((now - message["event"]["time"]).total_seconds())
        change |= {"status": Status.SENT if sent else Status.ERROR, "executed_at": now}
        return Result(message, attempt, change, fact_of(message, answer, now, message["trace"], account.from_address))

    async def results(self, stop: Stop) -> None:
        """Write and announce what the lanes finished, in the batches that come about by themselves."""
        pace = Pace(WRITE_EVERY_SECONDS)
        while self._results or self._in_hand or self._is_claiming or not stop.is_set():
            self._finished.clear()
            if self._results:
                await pace.turn()
                await self._write_results()
            elif stop.is_set():
                await self._until_something_finished(LOOK_EVERY_SECONDS)
            else:
                await stop.wait_or(self._finished, LOOK_EVERY_SECONDS)
        if self._announcing is not None:
            await self._announcing
        for lane in self._lanes.values():
            lane.close()

    async def _write_results(self) -> None:
        batch = self._results[:MOST_AT_ONCE]
        by_token: dict[str, list[Result]] = {}
        for token, result in batch:
            by_token.setdefault(token, []).append(result)
        written = await asyncio.gather(*(self._queue.write(token, results) for token, results in by_token.items()))
        facts: list[tuple[Document, Document]] = []
        for results, are_ours in zip(by_token.values(), written, strict=True):
            if are_ours:
                facts += [(result.message, result.fact) for result in results if result.fact is not None]
            else:
                # Some claims were lost meanwhile; which facts were written only the database knows: the relay asks it.
                log.warning("claims_lost", batch=len(results))
        del self._results[: len(batch)]
        had_enough = len(self._in_hand) >= MOST_IN_HAND
        for token, result in batch:
            self._in_hand.pop((token, result.message["_id"]), None)
        if had_enough:
            self.wake.set()
        if self._announcing is not None:
            await self._announcing
        self._announcing = asyncio.create_task(self._announce_now(facts))
        for message, fact in facts:
            if fact["topic"] == MessageSent.TOPIC:
                self.sent_for[message["partner_id"]] = fact["at"]

    async def _announce_now(self, facts: list[tuple[Document, Document]]) -> None:
        """Announce while the next results are written; what fails here the relay announces later."""
        try:
            await self.announce(facts)
        except (KafkaError, PyMongoError) as error:
            log.warning("announce_later", facts=len(facts), error=error_code(error))

    async def announce(self, facts: list[tuple[Document, Document]]) -> None:
        """Publish facts that are in the database, then forget them there."""
        if facts:
            await self._kafka.publish([record_of(message, fact) for message, fact in facts])
            await self._queue.announced([message["_id"] for message, _ in facts], [fact["id"] for _, fact in facts])

    async def leases(self, stop: Stop) -> None:
        """Renew the claims of what is in hand, and drop what could not be renewed in time."""
        every = self._rules.lease.total_seconds() / 3
        while not await stop.wait_for(every) or self._in_hand:
            await self._renew()
            await self._write_health()
            if stop.is_set():
                await self._until_something_finished(every)

    async def _until_something_finished(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finished.wait(), seconds)

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time()
        lease = self._rules.lease.total_seconds()
        for lost in [key for key, item in self._in_hand.items() if item.until <= now]:
            del self._in_hand[lost]
        aging: dict[str, list[Item]] = {}
        for item in self._in_hand.values():
            if item.until - now < lease * 2 / 3:
                aging.setdefault(item.token, []).append(item)
        for token, items in aging.items():
            await self._queue.renew(token, [one.message["_id"] for one in items], datetime.now(UTC) + self._rules.lease)
            for item in items:
                item.until = now + lease

    async def _put_down(self) -> None:
        """Give back what the lanes did not begin."""
        for lane in self._lanes.values():
            by_token: dict[str, list[str]] = {}
            for item in lane.put_down():
                by_token.setdefault(item.token, []).append(item.message["_id"])
                self._in_hand.pop((item.token, item.message["_id"]), None)
            for token, ids in by_token.items():
                await self._queue.give_back(token, ids, datetime.now(UTC))

    def _note_health(self, account: Account, answer: Answer, reached: bool, now: datetime) -> None:
        if reached and answer.outcome is not Outcome.ACCOUNT_REFUSED:
            self._health[account.id] = {"works": True, "last_reached_at": now, "failing_since": None, "error": None}
        else:
            since = self._health.get(account.id, {}).get("failing_since") or now
            self._health[account.id] = {"works": False, "failing_since": since, "error": answer.reply, "failed_at": now}

    async def _write_health(self) -> None:
        noted, self._health = self._health, {}
        for account_id, health in noted.items():
            await self._store.note_health_of_all_partners(account_id, health)


def _span(item: Item, answer: Answer) -> str | None:
    """The attempt as a span in the message's own trace, if that is recorded; returns what continues it."""
    message = item.message
    if not is_sampled(message["trace"]):
        return message["trace"]
    attributes = {
        "message.id": message["_id"],
        "message.attempt": len(message["attempts"]) + 1,
        "account.id": message["account_id"],
        "outcome": answer.outcome.value,
        "smtp.code": answer.code or 0,
    }
    span = continue_trace(
        "smtp deliver", message["trace"], kind=SpanKind.CLIENT, start_time=item.started_ns, attributes=attributes
    )
    span.end()
    return traceparent_of(span)
