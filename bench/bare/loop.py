"""What every bare loop does: consume a topic in batches, validate, hand over, commit. The same client for all."""

import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from common.events import Event
from common.kafka.polling import nothing_fetched

BATCH = 500
PREFIX, BOOTSTRAP = os.environ["KAFKA_PREFIX"], os.environ["KAFKA_BOOTSTRAP"]

E = TypeVar("E", bound=Event)


def database() -> AsyncDatabase[dict[str, Any]]:
    """Its own, where what is written is durable."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(os.environ["MONGO_URL"], w="majority", journal=True)
    return client[os.environ["MONGO_DATABASE"]]


async def consume(model: type[E], handle: Callable[[Sequence[E]], Awaitable[None]]) -> None:
    """Hand batches of events to `handle`, for ever."""
    consumer = AIOKafkaConsumer(
        PREFIX + model.TOPIC, bootstrap_servers=BOOTSTRAP, group_id=PREFIX + "bare",
        enable_auto_commit=False, auto_offset_reset="earliest",
    )  # fmt: skip
    await consumer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=300, max_records=BATCH)
        records = [record for part in polled.values() for record in part]
        with nothing_fetched(consumer) if len(records) == BATCH else nullcontext():
            if records:
                await handle([model.model_validate_json(record.value or b"") for record in records])
                await consumer.commit()
