"""Waiting for records: what is idle wakes up for them and for the end alone."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from aiokafka import AIOKafkaConsumer

from common.events import OrderCreated
from common.jobs import Stop
from common.kafka.connection import Kafka
from common.kafka.polling import nothing_fetched, poll
from tests.support.platform import Platform

LONG = 600.0


@pytest.fixture
async def consumer(kafka: Kafka) -> AsyncGenerator[AIOKafkaConsumer]:
    made = await kafka.consumer(OrderCreated.TOPIC, None)
    yield made
    await made.stop()


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
