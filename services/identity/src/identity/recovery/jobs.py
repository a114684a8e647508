"""What is done beside requests: write to those who forgot their password."""

from common.jobs import Job, whenever
from identity.recovery import handlers
from identity.recovery.handlers import Recovery


def answering(recovery: Recovery) -> Job:
    return whenever(recovery.asked, "forgotten passwords", lambda: handlers.answer_forgotten(recovery))
