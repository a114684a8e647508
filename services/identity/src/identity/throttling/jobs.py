"""What is done by time: forget the budgets that are full again."""

from common.jobs import Job, every
from identity.throttling import handlers
from identity.throttling.handlers import Throttle

FORGET_SECONDS = 600.0


def forgetting(throttle: Throttle) -> Job:
    return every(FORGET_SECONDS, "forgetting attempts", lambda: handlers.forget(throttle))
