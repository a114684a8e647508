"""Waiting for records without waking up in vain: what is idle sleeps until something comes, or the end."""

from collections.abc import Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from common.jobs import Stop, Stopped

IDLE_SECONDS = 5.0
"""So long a reader waits that has nothing else to do."""

Polled = Mapping[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


async def poll(
    consumer: AIOKafkaConsumer, stop: Stop, seconds: float = IDLE_SECONDS, most: int | None = None
) -> Polled:
    """Records that are there, or the first that come within `seconds`, `most` at the most; nothing at the end."""
    if found := await consumer.getmany(timeout_ms=0, max_records=most):
        return found
    with suppress(Stopped):
        return await stop.unless(consumer.getmany(timeout_ms=int(seconds * 1000), max_records=most))
    return {}
