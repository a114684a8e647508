"""What is done by time: say each second that no revocation is missing."""

from common.jobs import Job, every
from identity.revocation import handlers
from identity.revocation.handlers import Heart

__all__ = ["Heart", "heartbeat"]


def heartbeat(heart: Heart, seconds: float) -> Job:
    return every(seconds, "heartbeat", lambda: handlers.beat(heart))
