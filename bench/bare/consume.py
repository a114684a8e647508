"""The bare loop that notifications is compared with: consume, validate, one bulk write, produce, commit. Nothing else.

Same clients, same acknowledgements, same batch size; no resolution, no template, no rule, no telemetry.
"""

import asyncio
from collections.abc import Sequence

import uvloop
from aiokafka import AIOKafkaProducer
from pymongo import UpdateOne

from bench.bare.loop import BOOTSTRAP, PREFIX, consume, database
from common.events import MessageRequested, OrderCreated


async def main() -> None:
    orders = database()["orders"]
    await orders.create_index([("partner_id", 1), ("number", 1)])
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", enable_idempotence=True)
    await producer.start()
    topic = PREFIX + MessageRequested.TOPIC

    async def request(events: Sequence[OrderCreated]) -> None:
        writes = [
            UpdateOne(
                {"_id": event.order_number},
                {"$set": {"partner_id": event.partner_id, "number": event.order_number, "total": event.total}},
                upsert=True,
            )
            for event in events
        ]
        await orders.bulk_write(writes, ordered=False)
        sent = [
            await producer.send(topic, event.model_dump_json().encode(), event.partner_id.encode()) for event in events
        ]
        await asyncio.gather(*sent)

    await consume(OrderCreated, request)


if __name__ == "__main__":
    uvloop.run(main())
