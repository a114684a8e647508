"""What is done beside requests: write to those who forgot their password."""

from common.jobs import Job, whenever
from identity.recovery import handlers
from identity.recovery.handlers import Recovery

LOOK_SECONDS = 1.0


def answering(recovery: Recovery) -> Job:
    return whenever(recovery.asked, LOOK_SECONDS, "forgotten passwords", lambda: handlers.answer_forgotten(recovery))
