"""What notifications reads from Kafka: translate, call one handler."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from common.events import (
    CampaignLaunched,
    ContactChanged,
    Event,
    InvoiceIssued,
    MessageFailed,
    OrderCreated,
    PartnerChanged,
    Received,
)
from common.ids import computed_id
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from notifications import handlers
from notifications.domain import Occurrence
from notifications.handlers import SERVICE, Notifications

E = TypeVar("E", bound=Event)


def subscriptions(notifications: Notifications, kafka: Kafka) -> list[Subscription[Any]]:
    """One reader per topic, so that a campaign never stands before an order."""

    def read(model: type[E], handle: Callable[[Sequence[Received[E]]], Awaitable[None]]) -> Subscription[E]:
        return subscribe(model, handle, service=SERVICE, kafka=kafka)

    return [
        # Two readers share the partitions of orders: while one waits for the database, the other decides.
        read(OrderCreated, partial(_notify, notifications)),
        read(OrderCreated, partial(_notify, notifications)),
        read(InvoiceIssued, partial(_notify, notifications)),
        read(CampaignLaunched, partial(_notify_campaign, notifications)),
        read(MessageFailed, partial(handlers.escalate_all, notifications)),
        read(ContactChanged, partial(handlers.keep_people, notifications)),
        read(PartnerChanged, partial(handlers.keep_partners, notifications)),
    ]


async def _notify(notifications: Notifications, events: Sequence[Received[OrderCreated | InvoiceIssued]]) -> None:
    found = [occurrence(event, event.data.partner_id, event.data.model_dump(mode="json")) for event in events]
    await handlers.notify_all(notifications, found)


async def _notify_campaign(notifications: Notifications, events: Sequence[Received[CampaignLaunched]]) -> None:
    """One campaign concerns many partners; each event is done whole before the next."""
    for event in events:
        data = event.data.model_dump(mode="json", exclude={"partner_ids"})
        partners = dict.fromkeys(event.data.partner_ids)
        await handlers.notify_all(notifications, [occurrence(event, partner, data) for partner in partners])


def occurrence(event: Received[Any], partner_id: str, data: dict[str, Any]) -> Occurrence:
    """The event as it concerns one partner."""
    kind = event.data.TOPIC
    return Occurrence(
        id=computed_id(event.source, event.id, kind, partner_id),
        source=event.source,
        event_id=event.id,
        time=event.time,
        kind=kind,
        partner_id=partner_id,
        data=data,
        trace=event.trace,
    )
