"""Wires what is about links in mails."""

from common.jobs import Job
from common.mongo import Mongo
from identity.handlers import Identity
from identity.mails import main as mails_main
from identity.recovery.api import router
from identity.recovery.handlers import Recovery
from identity.recovery.jobs import answering
from identity.recovery.storage import RecoveryStore
from identity.throttling.handlers import Throttle

__all__ = ["INDEXES", "jobs", "router", "wire"]

INDEXES = mails_main.INDEXES


def wire(mongo: Mongo, identity: Identity, throttle: Throttle) -> Recovery:
    """Its use cases."""
    return Recovery(RecoveryStore(mongo), identity, throttle)


def jobs(recovery: Recovery) -> list[Job]:
    """What goes on beside requests."""
    return [mails_main.sending(recovery.identity.mails), answering(recovery)]
