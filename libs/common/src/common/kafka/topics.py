"""Making the topics: idempotent, from the one table in `common.events.registry`, never by auto-creation."""

from collections.abc import Sequence
from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from common.events.registry import DAY_MS, DEFAULT_PARTITIONS, DEFAULT_RETENTION_MS, TOPICS, dead_letter_topic
from common.kafka.connection import client_options
from common.settings import DEAD_LETTER_ROOM, KafkaSettings

DEAD_LETTER_RETENTION_MS = 90 * DAY_MS


def wanted_topics(settings: KafkaSettings) -> list[NewTopic]:
    """Every topic with its dead-letter topics, as the broker should keep them."""
    wanted: list[NewTopic] = []
    for topic in TOPICS:
        keep = {name: str(value) for name, value in topic.keeping().items()}
        wanted.append(_topic(settings, topic.name, topic.partitions, keep))
        keep = {"retention.ms": str(DEAD_LETTER_RETENTION_MS)}
        names = [dead_letter_topic(topic.name, reader) for reader in topic.readers]
        wanted += [_topic(settings, name, 1, keep, room=DEAD_LETTER_ROOM) for name in names]
    return wanted


def _topic(settings: KafkaSettings, name: str, partitions: int, keep: dict[str, str], room: int = 0) -> NewTopic:
    replication = settings.kafka_replication
    configs = keep | {
        "max.message.bytes": str(settings.kafka_max_record_bytes + room),
        "min.insync.replicas": str(max(1, replication - 1)),
    }
    return NewTopic(settings.kafka_prefix + name, partitions, replication, topic_configs=configs)


async def create_topics(settings: KafkaSettings) -> list[str]:
    """Create the topics that are missing; returns their names. Raises a KafkaError when the broker refuses one."""
    return await _create(settings, wanted_topics(settings))


async def ensure_topics(settings: KafkaSettings, topics: Sequence[str], reader: str) -> None:
    """Make sure that topics which others publish are there, with the dead letters of `reader` for each.

    Where the broker lets us create none, they have to be there already. Raises a KafkaError for any other trouble.
    """
    if not topics:
        return
    keep = {"retention.ms": str(DEFAULT_RETENTION_MS)}
    wanted = [_topic(settings, name, DEFAULT_PARTITIONS, keep) for name in topics]
    letters = {"retention.ms": str(DEAD_LETTER_RETENTION_MS)}
    names = [dead_letter_topic(name, reader) for name in topics]
    wanted += [_topic(settings, name, 1, letters, room=DEAD_LETTER_ROOM) for name in names]
    with suppress(TopicAuthorizationFailedError, ClusterAuthorizationFailedError):
        await _create(settings, wanted)


async def _create(settings: KafkaSettings, wanted: list[NewTopic]) -> list[str]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        response = await admin.create_topics(wanted)
    finally:
        await admin.close()
    created: list[str] = []
    for name, code, *_ in response.topic_errors:  # pyright: ignore[reportAttributeAccessIssue]  not in its stubs
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise error(name)
    return created
