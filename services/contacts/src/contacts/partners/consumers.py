"""What contacts reads from Kafka."""

from functools import partial

from common.events import PartnerChanged
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from contacts.partners import handlers
from contacts.partners.storage import Partners


def subscriptions(partners: Partners, kafka: Kafka) -> list[Subscription[PartnerChanged]]:
    return [subscribe(PartnerChanged, partial(handlers.keep, partners), service="contacts", kafka=kafka)]
