"""The one way to read a topic: at least once, in batches, and nothing is lost (F6).

What FastStream would do by itself is not used, because each of these would break a promise: it acknowledges before the
handler by default, swallows a handler's exception and goes on, skips a record whose header it cannot decode, sleeps
after an empty poll and five seconds after an error. So it makes the consumer, and this loop decides about offsets:

* the effect of a batch is durable before its offsets are committed;
* a record that cannot be understood is set aside with its reason, its neighbours go on;
* when the handler itself fails, halves of the batch are tried until the culprit stands alone; it is tried a few times
  more, then set aside;
* trouble of our own (database or broker away) stalls in place: nothing is committed, readiness says so, it goes on by
  itself;
* a flood of dead letters stops the reader.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Generic, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from opentelemetry.trace import Span, SpanKind

from common import metrics
from common.errors import Poison, is_own_trouble
from common.events.envelope import Event, Received, State, decode
from common.jobs import Backoff, Pace, Stop, Stopped
from common.kafka.connection import Kafka
from common.kafka.dead_letters import DeadLetter, FloodGate, set_aside
from common.kafka.polling import IDLE_SECONDS, Polled, nothing_fetched, poll, poll_carefully
from common.logs import error_code, logger
from common.telemetry import TRACER, continue_trace, links_to, traceparent_of

log = logger(__name__)

E = TypeVar("E", bound=Event)
Records = Sequence[ConsumerRecord[bytes, bytes]]
Handler = Callable[[Sequence[Received[E]]], Awaitable[None]]

CAREFUL_SECONDS = 60.0
"""So long records are read one by one after one that the client could not decode, unless it is found sooner."""
COMMIT_EVERY_SECONDS = 0.1
"""Under load several batches are committed together: the effects are durable already, a commit only saves repeating."""
COMMIT_AFTER_SECONDS = 0.3
"""What is not committed yet then is, though no more comes."""


@dataclass(frozen=True, slots=True)
class Item(Generic[E]):
    """An event and the record it was read from."""

    event: Received[E]
    record: ConsumerRecord[bytes, bytes]


def subscribe(
    model: type[E], handle: Handler[E], *, service: str, kafka: Kafka, batch: int | None = None
) -> "Subscription[E]":
    """The subscription of `service` to the topic of `model`.

    `handle` gets events of one batch in the order of their partitions. Its effect must be durable when it returns, and
    the same when it is called again with the same events. It may raise `Poison` for an event that can never be
    processed. `batch`: at most so many at once (default: `KAFKA_BATCH`).
    """
    return Subscription(model, handle, service, kafka, batch or kafka.settings.kafka_batch)


class Subscription(Generic[E]):
    """A running reader. `trouble` says why it is not reading, None when it is."""

    def __init__(self, model: type[E], handle: Handler[E], service: str, kafka: Kafka, batch: int) -> None:
        self.topic = model.TOPIC
        self.trouble: str | None = f"waiting for the broker and the topic {self.topic}"
        self._model = model
        self._handle = handle
        self._service = service
        self._kafka = kafka
        self._batch = batch
        self._flood = FloodGate(kafka.settings.kafka_dead_letters_per_minute)
        self._careful_until = 0.0
        self._measured: set[TopicPartition] = set()
        self._stop = Stop()

    async def run(self, stop: Stop) -> None:
        """Read until `stop`; what is in hand then is finished and committed, and the group is left."""
        self._stop = stop
        backoff = Backoff()
        while not stop.is_set():
            consumer: AIOKafkaConsumer | None = None
            try:
                await self._kafka.start()
                consumer = await stop.unless(self._kafka.consumer(self.topic, f"{self._service}.{self.topic}"))
                backoff.reset()
                await self._read(consumer)
            except Stopped:
                return
            except UnicodeDecodeError:
                self._careful_until = time.monotonic() + CAREFUL_SECONDS
            except KafkaError as error:
                self._stall(error)
                await stop.wait_for(backoff.next())
            except Exception as error:
                self._stall(error)  # whoever supervises begins again; until that helps, nothing is read
                raise
            finally:
                if consumer is not None:
                    await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        self._go_on()
        done: dict[TopicPartition, int] = {}
        committed_at = 0.0
        pace = Pace(self._kafka.settings.kafka_pace_ms / 1000)
        while not self._stop.is_set():
            seconds = COMMIT_AFTER_SECONDS if done else IDLE_SECONDS
            polled = await self._poll(consumer, seconds)
            records = [record for part in polled.values() for record in part]
            with nothing_fetched(consumer) if len(records) == self._batch else nullcontext():
                if records:
                    await self._process(records)
                    done |= {tp: part[-1].offset + 1 for tp, part in polled.items() if part}
                # What was taken from us meanwhile comes again at another member; its offsets are not ours to commit.
                done = {tp: offset for tp, offset in done.items() if tp in consumer.assignment()}
                self._measure_lag(consumer, done)
                if done and (not records or time.monotonic() - committed_at > COMMIT_EVERY_SECONDS):
                    await self._commit(consumer, done)
                    done, committed_at = {}, time.monotonic()
                if self._flood.is_flooded:
                    self.trouble = "stopped: too many dead letters"
                    log.error("dead_letter_flood", topic=self.topic)
                    await self._stop.wait()
                await pace.turn()
        if done:
            await self._commit(consumer, done)

    async def _poll(self, consumer: AIOKafkaConsumer, seconds: float) -> Polled:
        """Raises UnicodeDecodeError when the client cannot decode a record: a new consumer then finds which."""
        if time.monotonic() > self._careful_until:
            return await poll(consumer, self._stop, seconds, self._batch)
        polled, is_found = await poll_carefully(consumer, self._stop)
        self._careful_until = 0.0 if is_found else self._careful_until
        return polled

    async def _process(self, records: Records) -> None:
        """Make the effect of `records` durable. Raises `Stopped` when the process ends before that."""
        metrics.BATCH_SIZE.labels(self.topic).observe(len(records))
        items, letters = self._understand(records)
        if items:
            letters += await self._traced(items)
        if letters:
            await self._patiently(lambda: set_aside(self._kafka, self.topic, self._service, letters))
            self._flood.count(len(letters))
            for letter in letters:
                origin = {"partition": letter.record.partition, "offset": letter.record.offset}
                log.warning("dead_letter", topic=self.topic, reason=letter.poison.reason, **origin)
        metrics.CONSUMED.labels(self.topic).inc(len(records))

    def _understand(self, records: Records) -> tuple[list[Item[E]], list[DeadLetter]]:
        items: list[Item[E]] = []
        letters: list[DeadLetter] = []
        for record in records:
            if record.value is None and issubclass(self._model, State):
                continue  # a tombstone: the state before it said `deleted` already
            try:
                items.append(Item(decode(record, self._model), record))
            except Poison as poison:
                letters.append(DeadLetter(record, poison))
        return items, letters

    async def _traced(self, items: list[Item[E]]) -> list[DeadLetter]:
        """Deliver `items` under a span of the batch, and give each sampled event a span in its own trace."""
        links = links_to([item.event.trace for item in items])
        with TRACER.start_as_current_span(f"{self.topic} batch", kind=SpanKind.CONSUMER, links=links) as batch:
            batch.set_attribute("messaging.batch.message_count", len(items))
            spans: list[Span] = []
            for event in (item.event for item in items):
                span = continue_trace(f"{self.topic} process", event.trace, kind=SpanKind.CONSUMER, link=batch)
                span.set_attribute("cloudevents.event_id", event.id)
                event.trace = traceparent_of(span)
                spans.append(span)
            try:
                return await self._deliver(items)
            finally:
                for span in spans:
                    span.end()

    async def _deliver(self, items: Sequence[Item[E]]) -> list[DeadLetter]:
        """Hand `items` to the handler until their effect is durable; returns those it can never process."""
        attempt = 1
        while True:
            try:
                await self._patiently(lambda: self._handle([item.event for item in items]))
                return []
            except Stopped:
                raise
            except Exception as error:  # noqa: BLE001  whatever a handler raises must not lose a record
                if len(items) > 1:
                    middle = len(items) // 2
                    return await self._deliver(items[:middle]) + await self._deliver(items[middle:])
                log.warning("record_failed", topic=self.topic, attempt=attempt, error=error_code(error))
                if isinstance(error, Poison):
                    return [DeadLetter(items[0].record, error)]
                if attempt >= self._kafka.settings.kafka_attempts:
                    return [DeadLetter(items[0].record, Poison("handler_failed", error_code(error)))]
            await self._stop.wait_for(0.1 * attempt)
            attempt += 1

    async def _patiently(self, effect: Callable[[], Awaitable[None]]) -> None:
        """Run `effect`, as often as it takes while a part of ours is away."""
        backoff = Backoff()
        while True:
            try:
                await effect()
            except Exception as error:
                if not is_own_trouble(error):
                    raise
                self._stall(error)
                if await self._stop.wait_for(backoff.next()):
                    raise Stopped from None
            else:
                self._go_on()
                return

    async def _commit(self, consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        """Commit `offsets`. When that fails, the records come again, here or at another member: nothing is lost."""
        assigned = consumer.assignment()
        mine = {tp: offset for tp, offset in offsets.items() if tp in assigned}
        if not mine:
            return
        try:
            await consumer.commit(mine)
        except (CommitFailedError, IllegalStateError):
            log.info("commit_refused", topic=self.topic)

    def _stall(self, error: BaseException) -> None:
        if self.trouble != "waiting for a part of ours":
            log.warning("stalled", topic=self.topic, error=error_code(error))
        self.trouble = "waiting for a part of ours"
        metrics.STALLED.labels(self.topic).set(1)

    def _go_on(self) -> None:
        self.trouble = None
        metrics.STALLED.labels(self.topic).set(0)

    def _measure_lag(self, consumer: AIOKafkaConsumer, done: dict[TopicPartition, int]) -> None:
        """Of what went to another member it tells from now on: what was seen here would be shown for good."""
        for tp in self._measured - consumer.assignment():
            metrics.LAG.remove(self.topic, str(tp.partition))
            self._measured.discard(tp)
        for tp, offset in done.items():
            end = consumer.highwater(tp)
            if end is not None:
                metrics.LAG.labels(self.topic, str(tp.partition)).set(max(0, end - offset))
                self._measured.add(tp)
