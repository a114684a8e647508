"""Taking an event to many partners: in chunks, each of them done whole before the position is written (A7).

Decisions are made once for an event and a partner, whoever asks. So a chunk that a crash repeats reaches nobody twice.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.events import Received
from common.ids import computed_id
from notifications.campaigns.domain import FanOut, ahead, named_in
from notifications.campaigns.storage import FanOuts
from notifications.domain import Occurrence
from notifications.handlers import Notifications, notify_each, occurrence_id
from notifications.kinds.domain import Kind

CHUNK = 20
"""Partners at once: few, for their messages come to the outbox together, where an order may be behind them."""
URGENT_LASTS_SECONDS = 1.0
"""So long after urgent events came in, campaigns leave time for more of them."""


@dataclass
class Campaigns:
    """What the use cases work with: to how many partners a second campaigns are taken at the most, and while urgent
    events come in. `launched` wakes the job."""

    notifications: Notifications
    fan_outs: FanOuts
    per_second: float
    beside_urgent: float
    launched: asyncio.Event = field(default_factory=asyncio.Event)
    _urgent_until: float = field(default=0.0, init=False)

    def urgent_came_in(self) -> None:
        """Something more urgent than campaigns is decided now."""
        self._urgent_until = asyncio.get_running_loop().time() + URGENT_LASTS_SECONDS

    def rest_after(self, served: int) -> float:
        """Seconds until the next chunk, once one of so many partners was served."""
        is_beside = asyncio.get_running_loop().time() < self._urgent_until
        return served / (min(self.per_second, self.beside_urgent) if is_beside else self.per_second)


async def launch(campaigns: Campaigns, kind: Kind, event: Received[Any], data: Mapping[str, Any]) -> None:
    """Take in an event that concerns many partners. Raises Poison when it names nobody."""
    fan_out = FanOut(
        id=computed_id(event.source, event.id, kind.id),
        source=event.source,
        event_id=event.id,
        time=event.time,
        kind=kind.id,
        data={name: value for name, value in data.items() if f"/{name}" != kind.audience.partners},
        trace=event.trace,
        named=named_in(kind.audience, data),
    )
    await campaigns.fan_outs.add(fan_out, datetime.now(UTC))
    campaigns.launched.set()


async def serve_chunk(campaigns: Campaigns) -> int | None:
    """Take the fan-out whose turn it is to its following partners; how many were served, None when there is none."""
    claimed = await campaigns.fan_outs.claim(datetime.now(UTC))
    if claimed is None:
        return None
    fan_out, token = claimed
    step = fan_out.steps[fan_out.position.step]
    found = await campaigns.fan_outs.partners_of_all(step, fan_out.position.behind, CHUNK)
    chunk = [partner_id for partner_id in found if partner_id not in step.but]
    kind = (await campaigns.notifications.kinds.current()).get(fan_out.kind)
    await notify_each(campaigns.notifications, kind, [_occurrence(fan_out, partner_id) for partner_id in chunk])
    await campaigns.fan_outs.advance(fan_out, token, ahead(fan_out, step, found, CHUNK), len(chunk), datetime.now(UTC))
    return len(chunk)


async def forget_done(campaigns: Campaigns, kept: timedelta) -> None:
    """Forget the campaigns that were done so long ago."""
    await campaigns.fan_outs.forget_done(datetime.now(UTC) - kept)


def _occurrence(fan_out: FanOut, partner_id: str) -> Occurrence:
    return Occurrence(
        id=occurrence_id(fan_out.source, fan_out.event_id, fan_out.kind, partner_id),
        source=fan_out.source,
        event_id=fan_out.event_id,
        time=fan_out.time,
        kind=fan_out.kind,
        partner_id=partner_id,
        data=fan_out.data,
        trace=fan_out.trace,
    )
