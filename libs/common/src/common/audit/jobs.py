"""What every service does for the audit log beside requests: tell it what it has to know."""

from functools import partial

from common.audit import handlers
from common.audit.handlers import Journal
from common.jobs import Job, whenever


def telling(journal: Journal) -> Job:
    """At once when something is due; what was left behind soon after."""
    return whenever(journal.due, "audit relay", partial(handlers.tell, journal))
