"""What the audit log hears, from all five services."""

from functools import partial
from typing import Any

from common.events import AuditRecorded
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from identity.audit import handlers
from identity.audit.handlers import AuditLog


def subscriptions(log: AuditLog, kafka: Kafka) -> list[Subscription[Any]]:
    return [subscribe(AuditRecorded, partial(handlers.take_in, log), service="identity", kafka=kafka)]
