"""What every service does about its dead letters beside requests: keep them, count them, forget the closed ones."""

from datetime import timedelta

from common import metrics
from common.dead_letters import handlers
from common.dead_letters.consumers import reading
from common.dead_letters.handlers import DeadLetters
from common.jobs import Job, every

COUNT_SECONDS = 10.0
FORGET_SECONDS = 60.0


def jobs(letters: DeadLetters, service: str, kept: timedelta) -> list[Job]:
    """Those of one service."""
    return [
        reading(letters.store, letters.kafka, service),
        every(COUNT_SECONDS, "dead letter metrics", lambda: _measure(letters)),
        every(FORGET_SECONDS, "forgetting dead letters", lambda: handlers.forget(letters, kept)),
    ]


async def _measure(letters: DeadLetters) -> None:
    found = await letters.store.open_by_topic_and_reason()
    metrics.OPEN_DEAD_LETTERS.clear()
    for topic, reason, count in found:
        metrics.OPEN_DEAD_LETTERS.labels(topic, reason).set(count)
