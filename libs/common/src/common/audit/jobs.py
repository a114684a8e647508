"""What every service does for the audit log beside requests: tell it what it has to know."""

from common.audit import handlers
from common.audit.handlers import BATCH, Journal
from common.jobs import Job, Stop


def telling(journal: Journal) -> Job:
    """At once when something is due, and each second."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            journal.due.clear()
            if await handlers.tell(journal) < BATCH:
                await stop.wait_or(journal.due, seconds=1.0)

    return Job("audit relay", run)
