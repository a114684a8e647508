"""What connections read from Kafka: identity's own announcement that a partner changed its name."""

from functools import partial

from common.events import PartnerChanged
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription, subscribe
from identity.connections import handlers
from identity.connections.handlers import Connections


def subscriptions(connections: Connections, kafka: Kafka) -> list[Subscription[PartnerChanged]]:
    return [subscribe(PartnerChanged, partial(handlers.keep_names, connections), service="identity", kafka=kafka)]
