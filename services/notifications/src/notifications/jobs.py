"""What notifications does by time: look at what waits, take campaigns to their partners, send digests, forget."""

from datetime import UTC, datetime, timedelta

from common.errors import Poison
from common.jobs import Job, Stop, every
from notifications import handlers
from notifications.campaigns.handlers import Campaigns, forget_done, serve_chunk
from notifications.digests.handlers import Digests, send_due
from notifications.handlers import Notifications
from notifications.outcomes.handlers import forget_old
from notifications.outcomes.storage import Outcomes

BATCH = 500
FORGET_SECONDS = 60.0


def waiting_events(notifications: Notifications, every_seconds: float) -> Job:
    """Decide events whose partner has arrived; at their deadline they become dead letters."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            await look_at_waiting(notifications)
            await stop.wait_for(every_seconds)

    return Job("waiting events", run)


def fan_outs(campaigns: Campaigns, every_seconds: float) -> Job:
    """Serve campaigns chunk by chunk: orders come between."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            campaigns.launched.clear()
            served = await serve_chunk(campaigns)
            if served is None:
                await stop.wait_or(campaigns.launched, every_seconds)
            else:
                await stop.wait_for(campaigns.rest_after(served))

    return Job("campaigns", run)


def digests(digests: Digests, every_seconds: float) -> Job:
    """Send the digests that are due."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            if not await send_due(digests, datetime.now(UTC)):
                await stop.wait_for(every_seconds)

    return Job("digests", run)


def forgetting(outcomes: Outcomes, kept: timedelta) -> Job:
    """Forget what became of events that are old."""
    return every(FORGET_SECONDS, "forgetting events", lambda: forget_old(outcomes, kept))


def forgetting_campaigns(campaigns: Campaigns, kept: timedelta) -> Job:
    """Forget campaigns that are done and old."""
    return every(FORGET_SECONDS, "forgetting campaigns", lambda: forget_done(campaigns, kept))


async def look_at_waiting(notifications: Notifications) -> None:
    """One look at the events that were looked at longest ago."""
    found = await notifications.store.longest_not_looked_at(BATCH)
    if not found:
        return
    now = datetime.now(UTC)
    deadlines = {occurrence.id: until for occurrence, until in found}
    still = await handlers.retry(notifications, [occurrence for occurrence, _ in found])
    expired = [one for one in still if deadlines[one.id] <= now]
    late = Poison("unknown_partner", "the partner did not become known in time")
    await handlers.give_up(notifications, expired, late)
    await notifications.store.looked_at([one.id for one in still], now)
