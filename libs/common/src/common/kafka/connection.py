"""The connection of one service to the broker.

Subscriptions go through FastStream's broker (connection, security, group membership). Publishing goes through one
aiokafka producer: FastStream's `publish_batch` has one set of headers and one partition for all records, ours need
their own. The producer is given whole batches: a record alone costs it four times as much.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context
from aiokafka.partitioner import DefaultPartitioner
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from common import metrics
from common.events.envelope import Outgoing
from common.settings import DEAD_LETTER_ROOM, KafkaSettings

PING_SECONDS = 2.0
TOPICS_SEEN_MS = 5_000
"""A consumer of many topics looks so often which there are."""
FETCHER_LOOKS_MS = 5_000
"""A reader's background task is woken by whatever concerns it, and looks so often in any case."""
FETCH_WAITS_MS = 1_000
"""So long the broker keeps a reader's question when there is nothing new. What comes is answered at once; a reader that
is given other partitions asks for them when that time is over."""
WORTH_A_BATCH = 10
"""So many records of a partition are given to the producer as a batch. Fewer go alone: it puts them together with what
others publish meanwhile."""
MOST_BATCH_BYTES = 262_144
"""A batch is for the broker what a record is: it takes none that is larger than it takes records."""
ROOM_OF_A_BATCH = 1_000
"""More than the broker counts beside the bytes of a record."""
KEYS_KNOWN = 50_000
"""The partitions of so many keys are remembered."""
_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def security(settings: KafkaSettings) -> BaseSecurity | None:
    """FastStream's description of how to sign in to the broker; None for a plain connection."""
    tls = settings.kafka_security_protocol.endswith("SSL")
    context = create_ssl_context() if tls else None
    if settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_username is None or settings.kafka_password is None:
            raise ValueError("KAFKA_USERNAME and KAFKA_PASSWORD are needed with a SASL security protocol")
        kind = _SASL[settings.kafka_sasl_mechanism]
        return kind(
            settings.kafka_username, settings.kafka_password.get_secret_value(), ssl_context=context, use_ssl=tls
        )
    return BaseSecurity(ssl_context=context, use_ssl=True) if tls else None


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What a plain aiokafka client (producer, admin) needs to reach the broker."""
    options: dict[str, Any] = {"bootstrap_servers": settings.kafka_bootstrap.split(",")}
    if settings.kafka_security_protocol != "PLAINTEXT":
        options["security_protocol"] = settings.kafka_security_protocol
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = create_ssl_context()
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_password is not None:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return options


class Kafka:
    """Publishes, and makes consumers. `start` may be repeated until the broker answers."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._broker = KafkaBroker(
            settings.kafka_bootstrap.split(","), security=security(settings), consumer_only=True, logger=None,
            graceful_timeout=None, metadata_max_age_ms=TOPICS_SEEN_MS,
        )  # fmt: skip
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._leaving = set[asyncio.Task[None]]()

    @property
    def largest(self) -> int:
        """The bytes of the largest record that every topic takes."""
        return self.settings.kafka_max_record_bytes - ROOM_OF_A_BATCH

    @property
    def is_connected(self) -> bool:
        return self._producer is not None

    async def start(self) -> None:
        """Connect. Raises a KafkaError when the broker is away; may then be called again."""
        async with self._starting:
            if self._producer is not None:
                return
            producer = AIOKafkaProducer(
                **client_options(self.settings),
                enable_idempotence=True,
                acks="all",
                linger_ms=0,
                max_batch_size=min(MOST_BATCH_BYTES, self.settings.kafka_max_record_bytes),
                max_request_size=self.settings.kafka_max_record_bytes + DEAD_LETTER_ROOM,
                request_timeout_ms=10_000,
            )
            try:
                await producer.start()
            except (KafkaError, asyncio.CancelledError):
                await producer.stop()
                raise
            self._producer = producer

    async def stop(self) -> None:
        """Flush what is being published, and disconnect."""
        for task in self._leaving:
            task.cancel()
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def ping(self) -> None:
        """Raises a KafkaError or TimeoutError when the broker does not answer."""
        async with asyncio.timeout(PING_SECONDS):
            await self.start()
            if self._producer is not None:
                await self._producer.client.fetch_all_metadata()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Publish `records` in their order; returns when all in-sync replicas have all of them.

        Raises a KafkaError when one was not acknowledged: then any of them may or may not be in the topic, and the
        caller publishes them all again (readers tell repetitions by the event's identity).
        """
        await self.start()
        producer = self._producer
        if producer is None or not records:
            return
        try:
            by_partition = await self._by_partition(producer, records)
            done = [_publish_in(producer, *where, some) for where, some in by_partition.items()]
            for result in await asyncio.gather(*done, return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
        except KafkaError:
            self._let_go(producer)
            raise
        for topic, count in Counter(record.topic for record in records).items():
            metrics.PUBLISHED.labels(topic).inc(count)

    async def _by_partition(
        self, producer: AIOKafkaProducer, records: Sequence[Outgoing]
    ) -> dict[tuple[str, int], list[Outgoing]]:
        """The records by topic and partition, in their order."""
        topics = {record.topic: self.settings.kafka_prefix + record.topic for record in records}
        counts = {name: len(await producer.partitions_for(topic)) for name, topic in topics.items()}
        by_partition: dict[tuple[str, int], list[Outgoing]] = {}
        for record in records:
            partition = _partition_of(record.key, counts[record.topic])
            by_partition.setdefault((topics[record.topic], partition), []).append(record)
        return by_partition

    def _let_go(self, producer: AIOKafkaProducer) -> None:
        """Use another one from now on. This may have given up a record that it had numbered, while the broker came
        back; then the broker takes none of those that follow, for ever. What others publish with it ends as it ends."""
        if self._producer is producer:
            self._producer = None
            leaving = asyncio.create_task(_leave(producer))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def consumer(self, topic: str, group: str | None) -> AIOKafkaConsumer:
        """A started consumer of `topic`, from where `group` left off; it commits nothing by itself.

        Without a group it has all partitions, from their beginning. Waits as long as the topic is not made yet.
        The caller stops it. Raises a KafkaError when the broker is away.
        """
        return await self._consumer([self.settings.kafka_prefix + topic], None, group)

    async def consumer_of_all(self, ending: str, group: str) -> AIOKafkaConsumer:
        """The same for every topic whose name ends so; one that is made later is found within `TOPICS_SEEN_MS`."""
        pattern = f"{re.escape(self.settings.kafka_prefix)}.+{re.escape(ending)}$"
        return await self._consumer([], pattern, group)

    async def _consumer(self, topics: Sequence[str], pattern: str | None, group: str | None) -> AIOKafkaConsumer:
        settings = self.settings
        subscriber = self._broker.subscriber(
            *topics,
            pattern=pattern,
            group_id=settings.kafka_prefix + group if group else None,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=max(300, settings.kafka_session_timeout_ms // 4),
            max_partition_fetch_bytes=settings.kafka_max_record_bytes,
            consumer_timeout_ms=FETCHER_LOOKS_MS,
            fetch_max_wait_ms=FETCH_WAITS_MS,
            persistent=False,  # or the broker's object would keep each one for ever, and there is one for each try
        )
        await self._broker.connect()
        try:
            await subscriber.start()
        except (KafkaError, asyncio.CancelledError):
            await subscriber.stop()
            raise
        assert subscriber.consumer is not None
        return subscriber.consumer


@lru_cache(maxsize=KEYS_KNOWN)
def _partition_of(key: bytes, partitions: int) -> int:
    """As every client chooses it; worked out anew for each record it would cost more than publishing it."""
    return DefaultPartitioner()(key, range(partitions), ())


async def _publish_in(producer: AIOKafkaProducer, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
    """Publish the records of one partition in their order. Raises a KafkaError."""
    fields: list[dict[str, Any]] = [{"key": one.key, "value": one.value, "headers": one.headers} for one in records]
    if len(fields) < WORTH_A_BATCH:
        await asyncio.gather(*[await producer.send(topic, partition=partition, **one) for one in fields])
        return
    batch = producer.create_batch()
    for one in fields:
        if batch.append(timestamp=None, **one) is None:
            await (await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, **one)
    await (await producer.send_batch(batch, topic, partition=partition))


async def _leave(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError):
        await producer.stop()
