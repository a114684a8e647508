"""What contacts reads from Kafka."""

from functools import partial

from common.events import PartnerChanged
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from contacts import handlers
from contacts.handlers import Contacts


def subscriptions(contacts: Contacts, kafka: Kafka) -> list[Subscription[PartnerChanged]]:
    return [subscribe(PartnerChanged, partial(handlers.keep_partners, contacts), service="contacts", kafka=kafka)]
