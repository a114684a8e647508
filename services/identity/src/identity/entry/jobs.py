"""What is done by time: end the entries that may not go on, forget the old ones."""

from common.jobs import Job, Stop, every
from identity.entry import handlers
from identity.entry.handlers import Entries

FORGET_SECONDS = 3600.0


def checking(entries: Entries, seconds: float) -> Job:
    """Each `seconds`, and at once when this process changed something that entries depend on."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            entries.changed.clear()
            await handlers.end_what_may_not_go_on(entries)
            await stop.wait_or(entries.changed, seconds)

    return Job("checking entries", run)


def forgetting(entries: Entries) -> Job:
    return every(FORGET_SECONDS, "forgetting entries", lambda: handlers.forget(entries))
