"""What crm reads from Kafka."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from common.events import MessageFailed, MessageSent
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from crm.timeline import handlers
from crm.timeline.storage import TimelineStore


def subscriptions(store: TimelineStore, kafka: Kafka) -> Sequence[Subscription[Any]]:
    keep = partial(handlers.keep, store)
    return [subscribe(model, keep, service="crm", kafka=kafka) for model in (MessageSent, MessageFailed)]
