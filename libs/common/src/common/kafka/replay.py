"""Giving dead letters another chance: back into the topic they came from, once each."""

from common.events.envelope import Outgoing
from common.events.registry import dead_letter_topic
from common.kafka.connection import Kafka
from common.kafka.dead_letters import HEADER


async def replay(kafka: Kafka, topic: str, service: str, reason: str | None = None) -> int:
    """Publish the dead letters of `service` for `topic` to the topic again; returns how many.

    Each is replayed once: a group of its own remembers how far the replay came. `reason`: only these; the others are
    passed over for good. Readers tell a repeated event by its identity, so replaying what was processed does nothing.
    """
    await kafka.start()
    consumer = await kafka.consumer(dead_letter_topic(topic, service), f"{service}.{topic}.replay")
    count = 0
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            polled = await consumer.getmany(timeout_ms=1000)
            chosen = [
                Outgoing(topic, record.key or b"", record.value, _original(list(record.headers)))
                for part in polled.values()
                for record in part
                if reason is None or dict(record.headers).get(f"{HEADER}reason", b"").decode() == reason
            ]
            await kafka.publish(chosen)
            await consumer.commit()
            count += len(chosen)
    finally:
        await consumer.stop()
    return count


def _original(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in headers if not name.startswith(HEADER)]
