"""The producer: which partition and order its records have, and what it publishes after a failure (F6)."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from common.events import OrderCreated
from common.events.envelope import Outgoing, encode
from common.kafka.connection import PING_SECONDS, Kafka
from common.kafka.topics import ensure_topics
from common.settings import KafkaSettings
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform


def order(number: str, partner_id: str = "prt_1") -> Outgoing:
    return encode(OrderCreated(partner_id=partner_id, order_number=number), event_id=number, source="/test")


async def test_the_records_of_a_key_come_in_their_order_however_many_there_are(apart: Platform, kafka: Kafka) -> None:
    """Those of one key here are more than fit a batch."""
    numbers = [f"{i}" for i in range(1_000)]
    orders = [order(number, partner) for number in numbers for partner in ("prt_1", "prt_2")]
    await kafka.publish([replace(one, value=bytes(1_000)) for one in orders])
    records = await apart.io.records(OrderCreated.TOPIC)
    for partner in ("prt_1", "prt_2"):
        came = [dict(one.headers)["ce_id"].decode() for one in records if one.key == partner.encode()]
        assert came == numbers


async def test_a_key_has_the_partition_that_other_clients_choose(apart: Platform, kafka: Kafka) -> None:
    """What a plain client publishes of a partner, and what we do, is one sequence."""
    partners = [f"prt_{number}" for number in range(50)]
    theirs = [(f"plain/{one}", OrderCreated(partner_id=one, order_number="1")) for one in partners]
    await apart.io.publish_many(list(theirs))
    await kafka.publish([order(f"ours/{one}", one) for one in partners])
    by_key: dict[bytes, set[int]] = {}
    for one in await apart.io.records(OrderCreated.TOPIC):
        by_key.setdefault(one.key, set()).add(one.partition)
    assert len(by_key) == len(partners)
    assert {len(places) for places in by_key.values()} == {1}
    assert len(set.union(*by_key.values())) > 1


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


async def test_many_records_fit_where_each_of_them_does(platform: Platform) -> None:
    """The broker takes a batch that is no larger than a record may be, which the operator says."""
    settings = KafkaSettings(
        kafka_bootstrap=platform.kafka_bootstrap, kafka_prefix=f"{unique('small')}.", kafka_max_record_bytes=50_000
    )
    kafka = Kafka(settings)
    try:
        await ensure_topics(settings, [OrderCreated.TOPIC], "test")
        await kafka.publish([replace(order(f"{i}"), value=bytes(1_000)) for i in range(200)])
    finally:
        await kafka.stop()


async def _silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None: ...


async def test_a_broker_that_takes_connections_and_says_nothing_does_not_answer() -> None:
    """F6: `/readyz` says so in time, also of a service that has never been connected."""
    async with await asyncio.start_server(_silent, "127.0.0.1", 0) as silent:
        host, port = silent.sockets[0].getsockname()
        kafka = Kafka(KafkaSettings(kafka_bootstrap=f"{host}:{port}"))
        asked = asyncio.create_task(kafka.ping())
        await eventually(asked.done, timeout=PING_SECONDS + 3)
        assert isinstance(asked.exception(), KafkaError | TimeoutError)
        assert not kafka.is_connected
