"""The producer: what it publishes after a failure (F6)."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from common.events import OrderCreated
from common.events.envelope import Outgoing, encode
from common.kafka.connection import Kafka
from tests.support.eventually import eventually
from tests.support.platform import Platform


def order(number: str) -> Outgoing:
    return encode(OrderCreated(partner_id="prt_1", order_number=number), event_id=number, source="/test")


async def test_a_producer_that_has_lost_a_record_is_not_used_again(apart: Platform, kafka: Kafka) -> None:
    """F6: the client gives up records that it had numbered while the broker came back, and the broker takes none that
    follows them."""
    await kafka.publish([order("1")])
    producer: Any = vars(kafka)["_producer"]
    topic = apart.prefix + OrderCreated.TOPIC
    for partition in await producer.partitions_for(topic):
        producer._txn_manager.increment_sequence_number(TopicPartition(topic, partition), 1)
    with pytest.raises(KafkaError):
        await kafka.publish([order("2")])
    await kafka.publish([order("2")])
    orders = apart.io.follow(OrderCreated)
    await eventually(lambda: [event.data.order_number for event in orders.events] == ["1", "2"])
