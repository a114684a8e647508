"""What persons reads from Kafka."""

from functools import partial

from common.events import MessageFailed
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from contacts.persons import handlers
from contacts.persons.handlers import PersonDesk


def subscriptions(desk: PersonDesk, kafka: Kafka) -> list[Subscription[MessageFailed]]:
    return [subscribe(MessageFailed, partial(handlers.keep_refusals, desk), service="contacts", kafka=kafka)]
