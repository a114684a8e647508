"""What is done by time: forget the sessions that are over."""

from common.jobs import Job, every
from identity.sessions import handlers
from identity.sessions.handlers import Sessions

FORGET_SECONDS = 600.0


def forgetting(sessions: Sessions) -> Job:
    return every(FORGET_SECONDS, "forgetting sessions", lambda: handlers.forget(sessions))
