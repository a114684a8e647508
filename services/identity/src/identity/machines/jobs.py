"""What is done by time: forget the used assertions that have expired."""

from common.jobs import Job, every
from identity.machines import handlers
from identity.machines.handlers import Machines

FORGET_SECONDS = 60.0


def forgetting(machines: Machines) -> Job:
    return every(FORGET_SECONDS, "forgetting assertions", lambda: handlers.forget(machines))
