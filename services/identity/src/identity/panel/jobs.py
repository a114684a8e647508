"""What is done by time: forget the codes that are not good any more."""

from common.jobs import Job, every
from identity.panel import handlers
from identity.panel.handlers import Panel

FORGET_SECONDS = 600.0


def forgetting(panel: Panel) -> Job:
    return every(FORGET_SECONDS, "forgetting codes", lambda: handlers.forget(panel))
