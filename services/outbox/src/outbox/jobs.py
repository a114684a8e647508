"""What the outbox does by time: deliver, and tidy up after the dead."""

from collections.abc import Awaitable, Callable

from common import metrics
from common.jobs import LEFT_BEHIND_SECONDS, Job, every, whenever
from outbox import account_handlers, handlers
from outbox.attachments.handlers import tidy_up
from outbox.handlers import Outbox
from outbox.stops.handlers import Stops, tell_owners

FORGET_SECONDS = 60.0


def jobs(outbox: Outbox, stops: Stops, prune_look_seconds: float, attachments_look_seconds: float) -> list[Job]:
    """Everything that runs beside requests and records."""
    looks: tuple[tuple[float, str, Callable[[], Awaitable[None]]], ...] = (
        (1.0, "taking back", lambda: _take_back(outbox)),
        (LEFT_BEHIND_SECONDS, "relay", lambda: handlers.relay(outbox)),
        (LEFT_BEHIND_SECONDS, "account stops", lambda: tell_owners(stops)),
        (10.0, "queue metrics", lambda: _measure(outbox, stops)),
        (prune_look_seconds, "pruning", lambda: handlers.prune(outbox)),
        (FORGET_SECONDS, "forgetting deleted", lambda: handlers.forget_deleted(outbox)),
        (attachments_look_seconds, "attachments", lambda: tidy_up(outbox.attachments)),
    )
    return [
        Job("delivery", outbox.delivery.claims),
        Job("delivery results", outbox.delivery.finish),
        Job("delivery leases", outbox.delivery.leases),
        whenever(outbox.released_in_part, "account search", lambda: account_handlers.find_accounts(outbox)),
        *(every(*look, at_once=False) for look in looks),
    ]


async def _take_back(outbox: Outbox) -> None:
    for channel, count in (await handlers.take_back(outbox)).items():
        metrics.POSSIBLE_DUPLICATES.labels(channel).inc(count)


async def _measure(outbox: Outbox, stops: Stops) -> None:
    counts = await outbox.queue.by_status_and_account()
    metrics.QUEUE.clear()
    for status, account, count in counts:
        metrics.QUEUE.labels(status, account).set(count)
    metrics.STOPPED_ACCOUNTS.set(await stops.store.how_many())
