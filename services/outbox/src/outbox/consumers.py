"""What the outbox reads from Kafka."""

from functools import partial

from common.events import MessageRequested
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from outbox import handlers
from outbox.handlers import Outbox


def subscriptions(outbox: Outbox, kafka: Kafka) -> list[Subscription[MessageRequested]]:
    return [subscribe(MessageRequested, partial(handlers.take_in, outbox), service="outbox", kafka=kafka)]
