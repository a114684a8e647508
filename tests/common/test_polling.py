"""Waiting for records: what is idle wakes up for them and for the end alone."""

import asyncio
import gc
from collections.abc import AsyncGenerator

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from common.events import OrderCreated
from common.jobs import Stop
from common.kafka.connection import Kafka
from common.kafka.polling import nothing_fetched, poll
from common.settings import KafkaSettings
from tests.support.platform import Platform

LONG = 600.0


@pytest.fixture
async def consumer(kafka: Kafka) -> AsyncGenerator[AIOKafkaConsumer]:
    made = await kafka.consumer(OrderCreated.TOPIC, None)
    yield made
    await made.stop()


async def test_a_reader_that_is_gone_leaves_nothing_behind(kafka: Kafka) -> None:
    """While the broker is away each reader tries again every few seconds, perhaps for hours."""
    for _ in range(3):
        await (await kafka.consumer(OrderCreated.TOPIC, None)).stop()
    away = Kafka(KafkaSettings(kafka_bootstrap="127.0.0.1:1"))
    with pytest.raises(KafkaError):
        await away.consumer(OrderCreated.TOPIC, None)
    gc.collect()
    assert not vars(kafka)["_broker"].subscribers
    assert not vars(away)["_broker"].subscribers


async def test_who_waits_for_records_has_them_as_they_come(apart: Platform, consumer: AIOKafkaConsumer) -> None:
    async with asyncio.timeout(20):
        waiting = asyncio.create_task(poll(consumer, Stop(), LONG))
        await apart.io.publish(OrderCreated(partner_id="prt_x", order_number="n-1"), event_id="n-1")
        assert sum(len(part) for part in (await waiting).values()) == 1


async def test_who_waits_for_records_ends_at_once_when_it_must(consumer: AIOKafkaConsumer) -> None:
    stop = Stop()
    async with asyncio.timeout(20):
        waiting = asyncio.create_task(poll(consumer, stop, LONG))
        stop.set()
        assert not await waiting


async def test_nothing_is_fetched_while_much_is_worked_on_and_then_all_of_it(
    apart: Platform, consumer: AIOKafkaConsumer
) -> None:
    async with asyncio.timeout(20):
        with nothing_fetched(consumer):
            await apart.io.publish(OrderCreated(partner_id="prt_x", order_number="n-1"), event_id="n-1")
            assert not await poll(consumer, Stop(), seconds=1)
        assert await poll(consumer, Stop(), LONG)
