"""What the outbox reads from Kafka."""

from functools import partial
from typing import Any

from common.events import MessageRequested, PartnerChanged
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from outbox import handlers
from outbox.handlers import Outbox
from outbox.stops.handlers import Stops, keep_partners


def subscriptions(outbox: Outbox, stops: Stops, kafka: Kafka) -> list[Subscription[Any]]:
    return [
        subscribe(MessageRequested, partial(handlers.take_in, outbox), service="outbox", kafka=kafka),
        subscribe(PartnerChanged, partial(keep_partners, stops), service="outbox", kafka=kafka),
    ]
