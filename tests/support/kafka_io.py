"""A publisher and a reader as another marketplace system would have them: real clients of the real broker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from common.events import Event, Received, encode
from common.events.envelope import decode
from common.events.registry import TOPICS, dead_letter_topic
from tests.support.eventually import eventually

E = TypeVar("E", bound=Event)
Headers = list[tuple[str, bytes]]


@dataclass
class Followed(Generic[E]):
    """Everything in a topic since the session began, tombstones apart. A topic may say an event again: of two processes
    that meet at the same work, or of one that ends between publishing and noting it."""

    events: list[Received[E]] = field(default_factory=lambda: [])
    tombstones: list[str] = field(default_factory=lambda: [])

    async def wait_for(
        self, matches: Callable[[Received[E]], bool], count: int = 1, timeout: float = 15.0, *, again: bool = False
    ) -> list[Received[E]]:
        """The events that match, each once, as soon as there are `count`; with `again` each as often as it was said."""

        def enough() -> list[Received[E]]:
            found = [event for event in (self.events if again else self.once()) if matches(event)]
            return found if len(found) >= count else []

        return await eventually(enough, timeout, f"{count} matching events")

    def once(self) -> list[Received[E]]:
        """Each event as it was said first."""
        first: dict[tuple[str, str], Received[E]] = {}
        for event in self.events:
            first.setdefault((event.source, event.id), event)
        return list(first.values())


class KafkaIO:
    """Publishes to and follows the topics of one session."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.producer: AIOKafkaProducer | None = None
        self._followed: dict[str, Followed[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.producer:
            await self.producer.stop()

    async def publish(self, event: Event, *, event_id: str, source: str = "/test", trace: str | None = None) -> None:
        """Publish `event` in CloudEvents' binary mode and wait for the broker's word."""
        record = encode(event, event_id=event_id, source=source, trace=trace)
        await self.publish_raw(record.topic, key=record.key, value=record.value, headers=record.headers)

    async def publish_raw(self, topic: str, *, key: bytes, value: bytes | None, headers: Headers) -> None:
        """Publish any bytes; for what a broken publisher might send."""
        producer = await self._producer()
        await producer.send_and_wait(self.prefix + topic, value, key, headers=headers)

    async def publish_many(self, events: list[tuple[str, Event]], source: str = "/test") -> None:
        """Publish (event id, event) pairs as fast as the broker takes them."""
        producer = await self._producer()
        pending: list[Any] = []
        for event_id, event in events:
            record = encode(event, event_id=event_id, source=source)
            pending.append(
                await producer.send(self.prefix + record.topic, record.value, record.key, headers=record.headers)
            )
        await asyncio.gather(*pending)

    async def repeat_everything(self, partner_id: str) -> int:
        """Publish every record about a partner once more, in every topic, the newest first; returns how many."""
        count = 0
        for topic in TOPICS:
            records = await self.records(topic.name)
            mine = [one for one in records if one.value and partner_id.encode() in (one.key or b"")]
            for record in reversed(mine):
                await self.publish_raw(topic.name, key=record.key, value=record.value, headers=list(record.headers))
            count += len(mine)
        return count

    async def records(self, topic: str) -> list[Any]:
        """Every record that is in a topic now, as it is there."""
        consumer = await self._consumer(topic)
        found: list[Any] = []
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                found += [one for part in (await consumer.getmany(timeout_ms=100)).values() for one in part]
        finally:
            await consumer.stop()
        return found

    async def rewind(self, topic: str, group: str) -> None:
        """Let a group without members begin again with what is in the topic, which has one partition."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=self.prefix + group, enable_auto_commit=False
        )
        partition = TopicPartition(self.prefix + topic, 0)
        consumer.assign([partition])
        await consumer.start()
        try:
            await consumer.commit({partition: 0})
        finally:
            await consumer.stop()

    def follow(self, model: type[E]) -> Followed[E]:
        """What is in the topic of `model`, kept up to date from its beginning."""
        if model.TOPIC not in self._followed:
            self._followed[model.TOPIC] = Followed()
            self._tasks.append(asyncio.create_task(self._read(model, self._followed[model.TOPIC])))
        return self._followed[model.TOPIC]

    async def dead_letters(
        self, topic: str, service: str, count: int = 1, timeout: float = 15.0, key: bytes | None = None
    ) -> list[tuple[dict[str, str], bytes | None]]:
        """(headers, value) of the dead letters of `service` for `topic`, once there are `count` (with this key)."""
        found: list[tuple[dict[str, str], bytes | None]] = []
        consumer = await self._consumer(dead_letter_topic(topic, service))

        async def enough() -> bool:
            for part in (await consumer.getmany(timeout_ms=100)).values():
                for record in part:
                    if key is None or record.key == key:
                        headers = {name: value.decode(errors="replace") for name, value in record.headers}
                        found.append((headers, record.value))
            return len(found) >= count

        try:
            await eventually(enough, timeout, f"{count} dead letters")
        finally:
            await consumer.stop()
        return found

    async def _producer(self) -> AIOKafkaProducer:
        if self.producer is None:
            self.producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, acks="all", enable_idempotence=True, max_request_size=2_000_000
            )
            await self.producer.start()
        return self.producer

    async def _consumer(self, topic: str) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            self.prefix + topic, bootstrap_servers=self.bootstrap, group_id=None, auto_offset_reset="earliest"
        )
        await consumer.start()
        return consumer

    async def _read(self, model: type[E], into: Followed[E]) -> None:
        consumer = await self._consumer(model.TOPIC)
        try:
            async for record in consumer:
                if record.value is None:
                    into.tombstones.append((record.key or b"").decode())
                else:
                    into.events.append(decode(record, model))
        finally:
            await consumer.stop()
