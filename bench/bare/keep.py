"""The bare loop that accepting is compared with: consume `message.requested`, validate, one bulk write, commit.

Same client, same acknowledgements, same batch size, the whole message kept; no account, no search, no telemetry.
"""

import os

import uvloop
from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient

from bench.bare.consume import BATCH
from common.events import MessageRequested


async def main() -> None:
    prefix, bootstrap = os.environ["KAFKA_PREFIX"], os.environ["KAFKA_BOOTSTRAP"]
    client = AsyncMongoClient(os.environ["MONGO_URL"], w="majority", journal=True)
    messages = client[os.environ["MONGO_DATABASE"]]["messages"]
    await messages.create_index([("partner_id", 1), ("message_id", 1)])
    consumer = AIOKafkaConsumer(
        prefix + MessageRequested.TOPIC, bootstrap_servers=bootstrap, group_id=prefix + "bare",
        enable_auto_commit=False, auto_offset_reset="earliest",
    )  # fmt: skip
    await consumer.start()
    while True:
        polled = await consumer.getmany(timeout_ms=300, max_records=BATCH)
        records = [record for part in polled.values() for record in part]
        if not records:
            continue
        requested = [MessageRequested.model_validate_json(record.value or b"") for record in records]
        await messages.insert_many([one.model_dump() for one in requested], ordered=False)
        await consumer.commit()


if __name__ == "__main__":
    uvloop.run(main())
