"""Waiting for records without waking up in vain: what is idle sleeps until something comes, or the end."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from common.jobs import Stop, Stopped

IDLE_SECONDS = 5.0
"""So long a reader waits that has nothing else to do."""

Polled = Mapping[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


async def poll(
    consumer: AIOKafkaConsumer, stop: Stop, seconds: float = IDLE_SECONDS, most: int | None = None
) -> Polled:
    """What was fetched, `most` at the most, or the first that comes within `seconds`; nothing at the end."""
    if found := await consumer.getmany(timeout_ms=0, max_records=most):
        return found
    with suppress(Stopped):
        return await stop.unless(consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most))
    return {}


@contextmanager
def nothing_fetched(consumer: AIOKafkaConsumer) -> Generator[None]:
    """While there may be more of what was fetched. The client would ask for partitions with nothing new alone: the
    broker keeps that question for long, and no other goes out meanwhile, though there is much in one of them."""
    consumer.pause(*consumer.assignment())
    try:
        yield
    finally:
        consumer.resume(*(consumer.paused() & consumer.assignment()))
