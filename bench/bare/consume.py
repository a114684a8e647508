"""The bare loop that notifications is compared with: consume, validate, one bulk write, produce, commit. Nothing else.

Same clients, same acknowledgements, same batch size; no resolution, no template, no rule, no telemetry.
"""

import asyncio
import os

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import AsyncMongoClient, UpdateOne

from common.events import OrderCreated

BATCH = 500


async def main() -> None:
    prefix, bootstrap = os.environ["KAFKA_PREFIX"], os.environ["KAFKA_BOOTSTRAP"]
    client = AsyncMongoClient(os.environ["MONGO_URL"], w="majority", journal=True)
    orders = client[os.environ["MONGO_DATABASE"]]["orders"]
    await orders.create_index([("partner_id", 1), ("number", 1)])
    consumer = AIOKafkaConsumer(
        prefix + OrderCreated.TOPIC, bootstrap_servers=bootstrap, group_id=prefix + "bare",
        enable_auto_commit=False, auto_offset_reset="earliest",
    )  # fmt: skip
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await consumer.start()
    await producer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=300, max_records=BATCH)
        records = [record for part in polled.values() for record in part]
        if not records:
            continue
        events = [OrderCreated.model_validate_json(record.value or b"") for record in records]
        writes = [
            UpdateOne(
                {"_id": event.order_number},
                {"$set": {"partner_id": event.partner_id, "number": event.order_number, "total": event.total}},
                upsert=True,
            )
            for event in events
        ]
        await orders.bulk_write(writes, ordered=False)
        topic = prefix + "message.requested"
        await asyncio.gather(
            *[
                await producer.send(topic, event.model_dump_json().encode(), event.partner_id.encode())
                for event in events
            ]
        )
        await consumer.commit()


if __name__ == "__main__":
    uvloop.run(main())
