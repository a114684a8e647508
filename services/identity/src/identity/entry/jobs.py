"""What is done by time: end the entries that may not go on, forget the old ones."""

from common.jobs import Job, every, whenever
from identity.entry import handlers
from identity.entry.handlers import Entries

FORGET_SECONDS = 3600.0


def checking(entries: Entries, seconds: float) -> Job:
    """Each `seconds`, and at once when this process changed something that entries depend on."""
    return whenever(entries.changed, "checking entries", lambda: handlers.end_what_may_not_go_on(entries), seconds)


def forgetting(entries: Entries) -> Job:
    return every(FORGET_SECONDS, "forgetting entries", lambda: handlers.forget(entries))
