"""Records that can never be processed: kept whole, with the reason, beside the topic they came from (F6)."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aiokafka.errors import MessageSizeTooLargeError

from common import metrics
from common.errors import Poison
from common.events.envelope import Outgoing, Record
from common.events.registry import dead_letter_topic
from common.kafka.connection import Kafka

HEADER = "dlq_"
LONGEST_DETAIL = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record and why it was set aside."""

    record: Record
    poison: Poison


def to_record(letter: DeadLetter, topic: str, service: str) -> Outgoing:
    """The record as it came, with reason and origin added to its headers. `topic` is without prefix."""
    record, poison = letter.record, letter.poison
    kept = [(name, value) for name, value in record.headers if not name.startswith(HEADER)]
    added = {
        "reason": poison.reason,
        "detail": poison.detail[:LONGEST_DETAIL],
        "topic": topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "service": service,
        "at": datetime.now(UTC).isoformat(),
    }
    headers = kept + [(HEADER + name, text.encode()) for name, text in added.items()]
    return Outgoing(dead_letter_topic(topic, service), record.key or b"", record.value, headers)


async def set_aside(kafka: Kafka, topic: str, service: str, letters: Iterable[DeadLetter]) -> None:
    """Put `letters` into the dead-letter topic. Raises a KafkaError when that is not certain.

    One that is larger than a record may be is cut: its publisher had compressed it, and nothing may be stuck behind it.
    """
    letters = list(letters)
    records = [to_record(letter, topic, service) for letter in letters]
    try:
        await kafka.publish(records)
    except MessageSizeTooLargeError:
        await kafka.publish([_cut(record, kafka.largest) for record in records])
    for letter in letters:
        metrics.DEAD_LETTERED.labels(topic, letter.poison.reason).inc()


def _cut(record: Outgoing, most: int) -> Outgoing:
    """The record with so many bytes at the most, and a word about where it is whole."""
    if record.size <= most:
        return record
    value = record.value or b""
    whole = f" (cut: its {len(value)} bytes are whole where it was published)".encode()
    headers = [(name, text + whole if name == f"{HEADER}detail" else text) for name, text in record.headers]
    around = Outgoing(record.topic, record.key, None, headers)
    if around.size > most // 2:
        ours = [one for one in headers if one[0].startswith(HEADER)]
        around = Outgoing(record.topic, record.key[:LONGEST_DETAIL], None, ours)
    return replace(around, value=value[: most - around.size])


class FloodGate:
    """Counts dead letters of the last minute; `is_flooded` when there are more than `limit`.

    A publisher that broke its contract must stop us, not have its whole topic drained into the dead letters.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._times: deque[float] = deque()

    def count(self, letters: int) -> None:
        now = self._clock()
        self._times.extend([now] * letters)
        while self._times and self._times[0] < now - 60:
            self._times.popleft()

    @property
    def is_flooded(self) -> bool:
        return len(self._times) > self._limit


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record that was kept by the service itself, and so has no place in a topic any more."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    partition: int = -1
    offset: int = -1

    @classmethod
    def of(cls, record: Outgoing) -> "StoredRecord":
        return cls(record.topic, record.key, record.value, record.headers)
