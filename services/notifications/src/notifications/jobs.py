"""What notifications does by time: look at the events that wait."""

from datetime import UTC, datetime

from common.errors import Poison
from common.events import CampaignLaunched, encode
from common.jobs import Job, Stop
from common.kafka.dead_letters import DeadLetter, StoredRecord, set_aside
from notifications import handlers
from notifications.domain import Occurrence
from notifications.handlers import Notifications
from notifications.models import MODELS

BATCH = 500


def waiting_events(notifications: Notifications, every_seconds: float) -> Job:
    """Decide events whose partner has arrived; at their deadline they become dead letters."""

    async def run(stop: Stop) -> None:
        while not stop.is_set():
            await look_at_waiting(notifications)
            await stop.wait_for(every_seconds)

    return Job("waiting events", run)


async def look_at_waiting(notifications: Notifications) -> None:
    """One look at the events that were looked at longest ago."""
    found = await notifications.store.longest_not_looked_at(BATCH)
    if not found:
        return
    now = datetime.now(UTC)
    deadlines = {occurrence.id: until for occurrence, until in found}
    still = await handlers.retry(notifications, [occurrence for occurrence, _ in found])
    expired = [one for one in still if deadlines[one.id] <= now]
    for one in expired:
        await set_aside(notifications.kafka, one.kind, "notifications", [_dead_letter(one)])
    await notifications.store.stop_waiting([one.id for one in expired])
    await notifications.store.looked_at([one.id for one in still], now)


def _dead_letter(occurrence: Occurrence) -> DeadLetter:
    """The event as its publisher could have sent it for this partner alone, so that it can be replayed."""
    own = {"partner_ids": [occurrence.partner_id]} if occurrence.kind == CampaignLaunched.TOPIC else {}
    data = MODELS[occurrence.kind].model_validate({**occurrence.data, **own}, strict=False)
    record = encode(
        data, event_id=occurrence.event_id, source=occurrence.source, time=occurrence.time, trace=occurrence.trace
    )
    return DeadLetter(StoredRecord.of(record), Poison("unknown_partner", "the partner did not become known in time"))
