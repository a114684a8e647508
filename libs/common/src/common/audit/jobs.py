"""What every service does for the audit log beside requests: tell it what it has to know."""

from functools import partial

from common.audit import handlers
from common.audit.handlers import Journal
from common.jobs import Job, every, whenever

APART_SECONDS = 0.25
"""The log is no more than this behind, and a deed costs the database and the broker a fraction."""


PROLONGED = 4
"""So many times a deed that is being done says so before it would be told as unknown."""


def telling(journal: Journal) -> Job:
    """At once when something is due, and many together while much is; what was left behind soon after."""
    return whenever(journal.due, "audit relay", partial(handlers.tell, journal), apart=APART_SECONDS)


def prolonging(journal: Journal) -> Job:
    """What takes longer than a process is believed to be gone after is not told as unknown."""
    seconds = journal.store.unknown_after.total_seconds() / PROLONGED
    return every(seconds, "audited requests", partial(handlers.prolong, journal))
