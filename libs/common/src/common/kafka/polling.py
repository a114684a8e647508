"""Waiting for records without waking up in vain: what is idle sleeps until something comes, or the end."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from common.jobs import Stop, Stopped

IDLE_SECONDS = 5.0
"""So long a reader waits that has nothing else to do."""
CAREFUL_PAUSE_SECONDS = 0.02

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


async def poll_carefully(consumer: AIOKafkaConsumer, stop: Stop) -> tuple[Polled, bool]:
    """One record that is fetched already, or nothing; True when the client could not decode it, since the name of a
    header is no text. One that cannot be understood either stands in its place, and reading goes on behind it.

    What a client has decoded before it fails is lost to it: the consumer has to be a new one, asked only so.
    """
    for tp in consumer.assignment():
        try:
            if found := await consumer.getmany(tp, timeout_ms=0, max_records=1):
                return found, False
        except UnicodeDecodeError:
            offset = await consumer.position(tp)
            consumer.seek(tp, offset + 1)
            return {tp: [ConsumerRecord(*tp, offset, 0, 0, None, b"", None, -1, 0, (("undecodable", b"\xff"),))]}, True
    await stop.wait_for(CAREFUL_PAUSE_SECONDS)
    return {}, False


@contextmanager
def nothing_fetched(consumer: AIOKafkaConsumer) -> Generator[None]:
    """While there may be more of what was fetched. The client would ask for partitions with nothing new alone: the
    broker keeps that question for long, and no other goes out meanwhile, though there is much in one of them."""
    consumer.pause(*consumer.assignment())
    try:
        yield
    finally:
        consumer.resume(*(consumer.paused() & consumer.assignment()))
