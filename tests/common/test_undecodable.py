"""A record that the client itself cannot decode stands aside as any other poison does (F6)."""

import struct
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.record.util import calc_crc32c

from common.events import OrderCreated
from tests.common.test_subscribe import GROUP, Reader, order
from tests.support.eventually import eventually
from tests.support.platform import Platform

KEY = b"prt_x"
NAME, NO_TEXT = b"name-of-a-header", b"\xff" * 16


async def publish_undecodable(platform: Platform) -> None:
    """A record with a header whose name is no text: clients written in C do not look."""
    topic, producer = platform.prefix + OrderCreated.TOPIC, AIOKafkaProducer(bootstrap_servers=platform.kafka_bootstrap)
    await producer.start()
    partition = DefaultPartitioner()(KEY, sorted(await producer.partitions_for(topic)), [])
    batch: Any = producer.create_batch()
    batch.append(timestamp=None, key=KEY, value=b"{}", headers=[(NAME.decode(), b"1")])
    raw = bytearray(bytes(batch._build()).replace(NAME, NO_TEXT))
    raw[17:21] = struct.pack(">I", calc_crc32c(bytes(raw[21:])))
    batch._buffer = bytes(raw)
    await (await producer.send_batch(batch, topic, partition=partition))
    await producer.stop()


async def test_a_header_whose_name_is_no_text_stops_nothing(apart: Platform) -> None:
    """F6: what was fetched with it is read, before it and behind it; what stands aside says where it was."""
    numbers = [f"n-{i}" for i in range(60)]
    await apart.io.publish_many([(one, order(one)) for one in numbers[:30]])
    await publish_undecodable(apart)
    await apart.io.publish_many([(one, order(one)) for one in numbers[30:]])
    reader = Reader(apart)
    reader.start()
    [(headers, _)] = await apart.io.dead_letters(OrderCreated.TOPIC, GROUP)
    assert headers["dlq_reason"] == "bad_headers"
    assert headers["dlq_offset"] == "30"
    await eventually(lambda: set(reader.seen) == set(numbers))
    await reader.stop()
