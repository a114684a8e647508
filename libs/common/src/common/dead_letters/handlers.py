"""The use cases of dead letters: replay one or all of a reason, discard with a note, forget what is closed (F6).

A replay publishes before it marks: a crash in between publishes again, and readers tell repeated events by identity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka.errors import KafkaError

from common.dead_letters.domain import BeingReplayed, DeadLetterUnknown, LetterStatus, WasDiscarded, WasReplayed
from common.dead_letters.storage import FORGET_BATCH, DeadLetterStore, Filter
from common.events.envelope import Outgoing
from common.ids import new_id
from common.kafka.connection import Kafka
from common.logs import logger
from common.mongo import Document

log = logger(__name__)

REPLAY_BATCH = 50
REPLAY_LEASE = timedelta(seconds=10)
"""A claim of a process that died while it replayed is free again after this."""


@dataclass(frozen=True)
class DeadLetters:
    """What the use cases work with."""

    store: DeadLetterStore
    kafka: Kafka
    lease: timedelta = REPLAY_LEASE


async def get(letters: DeadLetters, letter_id: str) -> Document:
    """One without its record. Raises DeadLetterUnknown."""
    return _known(await letters.store.letter(letter_id))


async def show(letters: DeadLetters, letter_id: str) -> Document:
    """One with its record. Raises DeadLetterUnknown."""
    return _known(await letters.store.whole_letter(letter_id))


async def replay(letters: DeadLetters, letter_id: str, by: str) -> Document:
    """Publish the record to its topic again; one that was replayed stays as it is.

    Raises DeadLetterUnknown, WasDiscarded, and BeingReplayed when another call claimed it.
    """
    await _publish(letters, [letter_id], by)
    letter = await get(letters, letter_id)
    if letter["status"] == LetterStatus.DISCARDED:
        raise WasDiscarded("It was discarded for good; its note says why.")
    if letter["status"] == LetterStatus.OPEN:
        raise BeingReplayed("Look at it again in a moment: then it is replayed, or can be.")
    return letter


async def replay_all(letters: DeadLetters, topic: str | None, reason: str, by: str) -> int:
    """Replay every open one of `reason` (and `topic`), the oldest first; returns how many.

    What fails again meanwhile is a new dead letter, and is left for another call.
    """
    began = datetime.now(UTC)
    count = 0
    while ids := await letters.store.claimable(Filter(topic, reason), began, datetime.now(UTC), REPLAY_BATCH):
        count += await _publish(letters, ids, by)
    return count


async def _publish(letters: DeadLetters, ids: Sequence[str], by: str) -> int:
    """Publish and mark those that nobody else is replaying; returns how many. Raises a KafkaError."""
    now, token = datetime.now(UTC), new_id("rpl")
    claimed = await letters.store.claim(ids, token, now, now + letters.lease)
    oldest_first = sorted(claimed, key=lambda one: (one["at"], one["offset"]))
    try:
        await letters.kafka.publish([_original(letter) for letter in oldest_first])
    except KafkaError:
        await letters.store.give_back(ids, token)
        raise
    await letters.store.mark_replayed([one["_id"] for one in claimed], by, datetime.now(UTC))
    for letter in oldest_first:
        log.info("dead_letter_replayed", letter=letter["_id"], topic=letter["topic"], reason=letter["reason"], by=by)
    return len(claimed)


def _original(letter: Document) -> Outgoing:
    record = letter["record"]
    headers = [(header["name"], header["value"]) for header in record["headers"]]
    return Outgoing(letter["topic"], record["key"], record["value"], headers)


async def discard(letters: DeadLetters, letter_id: str, by: str, note: str) -> Document:
    """Close it without a replay; one that was discarded stays as it is, with its first note.

    Raises DeadLetterUnknown, WasReplayed, BeingReplayed.
    """
    if discarded := await letters.store.discard(letter_id, by, note, datetime.now(UTC)):
        log.info("dead_letter_discarded", letter=letter_id, topic=discarded["topic"], by=by)
        return discarded
    letter = await get(letters, letter_id)
    if letter["status"] == LetterStatus.REPLAYED:
        raise WasReplayed("It is in its topic again and cannot be taken back.")
    if letter["status"] == LetterStatus.OPEN:
        raise BeingReplayed("Look at it again in a moment: then it is replayed, or can be discarded.")
    return letter


async def forget(letters: DeadLetters, kept: timedelta) -> None:
    """Forget what was closed longer ago than `kept`. Open ones are never forgotten."""
    before = datetime.now(UTC) - kept
    while await letters.store.forget(before) == FORGET_BATCH:
        pass


def _known(letter: Document | None) -> Document:
    if letter is None:
        raise DeadLetterUnknown("There is no dead letter of this id; the list says which there are.")
    return letter
