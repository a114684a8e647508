"""From a service's dead-letter topics into its database: each is kept once, before its offset is committed (F6)."""

from datetime import UTC, datetime
from hashlib import sha256

from aiokafka import ConsumerRecord

from common.dead_letters.domain import LetterStatus
from common.dead_letters.storage import DeadLetterStore
from common.events.envelope import attributes_of
from common.events.registry import dead_letter_topic
from common.ids import computed_id
from common.jobs import Job, Stop, Stopped
from common.kafka.connection import Kafka
from common.kafka.dead_letters import HEADER
from common.kafka.polling import poll
from common.mongo import Document

READ_BATCH = 50
"""Few, because each may have the size of the largest record."""
LONGEST_TEXT = 500
"""Of a text that a publisher wrote, so much is shown; the record itself is kept whole."""


def reading(store: DeadLetterStore, kafka: Kafka, service: str) -> Job:
    """Keep what is in the dead-letter topics of `service`, those included that are made later.

    When the database or the broker is away nothing is committed, and the job begins again where it was.
    """
    prefix = kafka.settings.kafka_prefix

    async def run(stop: Stop) -> None:
        try:
            await stop.unless(kafka.start())
            consumer = await stop.unless(
                kafka.consumer_of_all(dead_letter_topic("", service), f"{service}.dead_letters")
            )
        except Stopped:
            return
        try:
            while not stop.is_set():
                polled = await poll(consumer, stop, most=READ_BATCH)
                letters = [letter_of(record, prefix, service) for part in polled.values() for record in part]
                if letters:
                    await store.keep([letter for letter in letters if letter])
                    await consumer.commit()
        finally:
            await consumer.stop()

    return Job("dead letters", run)


def letter_of(record: ConsumerRecord[bytes, bytes], prefix: str, service: str) -> Document | None:
    """What is kept of a record in a dead-letter topic; None when it is that of another system on the same broker.

    A record that was set aside twice, because its reader died before it committed, is one dead letter.
    """
    added = {
        name.removeprefix(HEADER): _text(value or b"") for name, value in record.headers if name.startswith(HEADER)
    }
    headers = [(name, value) for name, value in record.headers if not name.startswith(HEADER)]
    topic = record.topic.removeprefix(prefix).removesuffix(dead_letter_topic("", service))
    if added.get("topic", topic) != topic:
        return None
    partition, offset = _number(added.get("partition")), _number(added.get("offset"))
    place = ("from", partition, offset) if offset >= 0 else ("at", record.partition, record.offset)
    value = record.value
    attributes = {name: _text(text) for name, text in attributes_of(value, headers).items()}
    return {
        "_id": computed_id(record.topic, *map(str, place), sha256(value or b"").hexdigest()),
        "status": LetterStatus.OPEN,
        "topic": topic,
        "reason": added.get("reason", "unknown"),
        "detail": added.get("detail", ""),
        "at": datetime.fromtimestamp(record.timestamp / 1000, UTC),
        "partition": partition,
        "offset": offset,
        "key": _text(record.key or b""),
        "source": attributes.get("source"),
        "event_id": attributes.get("id"),
        "event_type": attributes.get("type"),
        "bytes": len(value or b""),
        "record": {
            "key": record.key or b"",
            "value": value,
            "headers": [{"name": name, "value": header} for name, header in headers],
        },
    }


def _number(text: str | None) -> int:
    """-1 for what is none: a record that the service kept itself has no place in a topic."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else -1


def _text(raw: bytes | str) -> str:
    """Short, and such as the database takes, whatever a broken publisher sent."""
    text = raw if isinstance(raw, str) else raw.decode(errors="replace")
    return text[:LONGEST_TEXT].encode(errors="replace").decode()
