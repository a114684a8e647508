"""What is done by time: forget the answered challenges that have expired."""

from common.jobs import Job, every
from identity.challenges import handlers
from identity.challenges.handlers import Challenges

FORGET_SECONDS = 600.0


def forgetting(challenges: Challenges) -> Job:
    return every(FORGET_SECONDS, "forgetting challenges", lambda: handlers.forget(challenges))
