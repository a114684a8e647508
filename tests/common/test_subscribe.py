"""The rules of reading (F6), on the real broker: at least once, poison aside, own trouble stalls in place."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer
from pymongo.errors import AutoReconnect

from common.errors import Poison
from common.events import OrderCreated, Received, encode
from common.jobs import Stop
from common.kafka.connection import Kafka
from common.kafka.dead_letters import DeadLetter, StoredRecord, set_aside
from common.kafka.subscribe import Subscription, subscribe
from common.kafka.topics import ensure_topics
from common.settings import KafkaSettings
from tests.support.eventually import eventually, unique
from tests.support.kafka_io import KafkaIO
from tests.support.platform import Platform

Orders = Sequence[Received[OrderCreated]]
GROUP = "notifications"  # its dead-letter topic exists


def order(number: str) -> OrderCreated:
    return OrderCreated(partner_id="prt_x", order_number=number)


class Reader:
    """A subscription that runs in this process and keeps what it got."""

    def __init__(self, platform: Platform, **settings: int) -> None:
        self.kafka = Kafka(
            KafkaSettings(
                kafka_bootstrap=platform.kafka_bootstrap,
                kafka_prefix=platform.prefix,
                kafka_session_timeout_ms=2_000,
                **settings,  # pyright: ignore[reportArgumentType]
            )
        )
        self.seen: list[str] = []
        self.batches: list[list[str]] = []
        self.fail: Exception | None = None
        self.bad: set[str] = set()
        self.subscription: Subscription[OrderCreated] = subscribe(
            OrderCreated, self.handle, service=GROUP, kafka=self.kafka
        )
        self._stop = Stop()
        self._task: asyncio.Task[None] | None = None

    async def handle(self, events: Orders) -> None:
        numbers = [event.data.order_number for event in events]
        self.batches.append(numbers)
        if self.fail:
            raise self.fail
        if self.bad & set(numbers):
            raise ValueError("broken by one of them")
        self.seen += numbers

    def start(self) -> None:
        self._stop = Stop()
        self._task = asyncio.create_task(self.subscription.run(self._stop))

    async def stop(self) -> None:
        self._stop.set()
        if self._task:
            await self._task
        await self.kafka.stop()


async def test_everything_published_is_handled_once_when_nothing_fails(apart: Platform) -> None:
    """F6."""
    reader = Reader(apart)
    reader.start()
    numbers = [f"n-{i}" for i in range(300)]
    await apart.io.publish_many([(number, order(number)) for number in numbers])
    await eventually(lambda: len(reader.seen) >= 300)
    await reader.stop()
    assert sorted(reader.seen) == sorted(numbers)


async def test_a_backlog_is_handled_once_in_batches_that_are_not_too_large(apart: Platform) -> None:
    """F6: and what it did is committed, the last of it too."""
    numbers = [f"n-{i}" for i in range(1_000)]
    of = [OrderCreated(partner_id=f"prt_{i % 3}", order_number=number) for i, number in enumerate(numbers)]
    await apart.io.publish_many(list(zip(numbers, of, strict=True)))
    reader, next_one = Reader(apart, kafka_batch=30), Reader(apart)
    reader.start()
    await eventually(lambda: len(reader.seen) >= len(numbers))
    await reader.stop()
    assert sorted(reader.seen) == sorted(numbers)
    assert max(map(len, reader.batches)) <= 30
    next_one.start()
    await apart.io.publish(order("last"), event_id="last")
    await eventually(lambda: next_one.seen)
    await next_one.stop()
    assert next_one.seen == ["last"]


async def test_a_restarted_reader_goes_on_where_the_effects_ended(apart: Platform) -> None:
    """F6: what was committed does not come again."""
    first = Reader(apart)
    first.start()
    await apart.io.publish(order("before"), event_id="1")
    await eventually(lambda: first.seen == ["before"])
    await first.stop()
    await apart.io.publish(order("after"), event_id="2")
    second = Reader(apart)
    second.start()
    await eventually(lambda: second.seen)
    await second.stop()
    assert second.seen == ["after"]


async def test_what_was_not_durable_when_the_process_ended_comes_again(apart: Platform) -> None:
    """F6: a batch that stalls is not committed."""
    first = Reader(apart)
    first.fail = AutoReconnect("the database is away")
    first.start()
    await apart.io.publish(order("kept"), event_id="1")
    await eventually(lambda: first.subscription.trouble == "waiting for a part of ours" and first.batches)
    await first.stop()
    second = Reader(apart)
    second.start()
    await eventually(lambda: second.seen == ["kept"])
    await second.stop()


async def test_own_trouble_stalls_in_place_and_goes_on_by_itself(apart: Platform) -> None:
    """F6: not ready meanwhile, nothing in the dead letters, the order kept."""
    reader = Reader(apart)
    reader.fail = AutoReconnect("the database is away")
    reader.start()
    await apart.io.publish_many([(f"{i}", order(f"n-{i}")) for i in range(5)])
    await eventually(lambda: len(reader.batches) >= 3)
    assert reader.subscription.trouble == "waiting for a part of ours"
    reader.fail = None
    await eventually(lambda: len(reader.seen) == 5)
    assert reader.subscription.trouble is None
    await reader.stop()
    assert reader.seen == [f"n-{i}" for i in range(5)]


async def test_poison_stands_aside_and_its_neighbours_go_on(apart: Platform) -> None:
    """F6: a record that is not JSON is kept with its reason and origin."""
    reader = Reader(apart)
    await apart.io.publish(order("n-1"), event_id="1")
    headers = [("ce_specversion", b"1.0"), ("ce_id", b"2"), ("ce_source", b"/s"), ("ce_type", b"order.created")]
    await apart.io.publish_raw("order.created", key=b"prt_x", value=b"{not json", headers=headers)
    await apart.io.publish(order("n-3"), event_id="3")
    reader.start()
    await eventually(lambda: reader.seen == ["n-1", "n-3"])
    [(kept, value)] = await apart.io.dead_letters("order.created", GROUP)
    await reader.stop()
    assert value == b"{not json"
    assert (kept["dlq_reason"], kept["dlq_topic"], kept["dlq_offset"]) == ("not_json", "order.created", "1")


@pytest.mark.parametrize("headers", [[], [("x", b"x" * 2_500_000)]], ids=["value", "headers"])
@pytest.mark.parametrize("count", [1, 12])  # more are given to the producer as a batch
async def test_poison_that_is_larger_than_a_record_may_be_stands_aside(
    apart: Platform, headers: list[tuple[str, bytes]], count: int
) -> None:
    """F6: its publisher compressed it. So much of it is kept as can be."""
    async with AIOKafkaProducer(
        bootstrap_servers=apart.kafka_bootstrap, compression_type="gzip", max_request_size=10_000_000
    ) as producer:
        for _ in range(count):
            await producer.send_and_wait(f"{apart.prefix}order.created", b"x" * 3_000_000, b"prt_x", headers=headers)
    await apart.io.publish(order("behind"), event_id="1")
    reader = Reader(apart)
    reader.start()
    await eventually(lambda: reader.seen == ["behind"], timeout=20)
    found = await apart.io.dead_letters("order.created", GROUP, count)
    await reader.stop()
    assert {kept["dlq_reason"] for kept, _ in found} == {"bad_envelope"}
    assert all("3000000 bytes" in kept["dlq_detail"] for kept, _ in found)
    assert all(1_900_000 < len(value or b"") < 2_000_000 for _, value in found)


async def test_a_topic_that_others_publish_has_room_for_dead_letters_of_the_largest_size(kafka: Kafka) -> None:
    """F6: with the headers that say why."""
    await ensure_topics(kafka.settings, ["of.others"], GROUP)
    record = StoredRecord("of.others", b"k", b"x" * (kafka.settings.kafka_max_record_bytes - 200), [])
    await set_aside(kafka, "of.others", GROUP, [DeadLetter(record, Poison("not_json"))])
    [(kept, value)] = await KafkaIO(kafka.settings.kafka_bootstrap, kafka.settings.kafka_prefix).dead_letters(
        "of.others", GROUP
    )
    assert (kept["dlq_detail"], value) == ("", record.value)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_publisher_may_compress_as_it_likes(apart: Platform, codec: str) -> None:
    """F2, F6."""
    record = encode(order("n-1"), event_id="1", source="/test")
    async with AIOKafkaProducer(bootstrap_servers=apart.kafka_bootstrap, compression_type=codec) as producer:
        await producer.send_and_wait(apart.prefix + record.topic, record.value, record.key, headers=record.headers)
    reader = Reader(apart)
    reader.start()
    await eventually(lambda: reader.seen == ["n-1"])
    await reader.stop()


async def test_what_a_publisher_took_back_is_not_read(apart: Platform) -> None:
    """F2, F6: it was in a transaction that was aborted; what was committed is read."""
    async with AIOKafkaProducer(bootstrap_servers=apart.kafka_bootstrap, transactional_id=unique("tx")) as producer:
        for number, end in (("back", producer.abort_transaction), ("n-1", producer.commit_transaction)):
            record = encode(order(number), event_id=number, source="/test")
            await producer.begin_transaction()
            await producer.send_and_wait(apart.prefix + record.topic, record.value, record.key, headers=record.headers)
            await end()
    reader = Reader(apart)
    reader.start()
    await apart.io.publish(order("n-2"), event_id="n-2")
    await eventually(lambda: "n-2" in reader.seen)
    await reader.stop()
    assert reader.seen == ["n-1", "n-2"]


async def test_when_the_handler_fails_only_the_culprit_is_set_aside(apart: Platform) -> None:
    """F6: halves are tried until it stands alone."""
    reader = Reader(apart, kafka_attempts=2)
    reader.bad = {"n-13"}
    await apart.io.publish_many([(f"{i}", order(f"n-{i}")) for i in range(40)])
    reader.start()
    [(kept, _)] = await apart.io.dead_letters("order.created", GROUP)
    await eventually(lambda: len(reader.seen) == 39)
    await reader.stop()
    assert (kept["ce_id"], kept["dlq_reason"]) == ("13", "handler_failed")
    assert "broken by one of them" not in kept["dlq_detail"], "an error's text may quote an address"
    assert set(reader.seen) == {f"n-{i}" for i in range(40)} - {"n-13"}


async def test_a_flood_of_dead_letters_stops_the_reader(apart: Platform) -> None:
    """F6: a publisher that broke its contract does not drain its topic into the dead letters."""
    reader = Reader(apart, kafka_dead_letters_per_minute=5, kafka_batch=3)
    for i in range(30):
        await apart.io.publish_raw("order.created", key=b"k", value=b"x", headers=[("ce_id", str(i).encode())])
    reader.start()
    await eventually(lambda: reader.subscription.trouble == "stopped: too many dead letters")
    await reader.stop()
    assert 5 < len(await apart.io.dead_letters("order.created", GROUP, count=6)) < 12


async def test_a_handler_may_call_an_event_poison(apart: Platform) -> None:
    """F6: then it is set aside at once, with the handler's reason."""
    reader = Reader(apart)
    reader.fail = Poison("unknown_partner")
    await apart.io.publish(order("n-1"), event_id="1")
    reader.start()
    [(kept, _)] = await apart.io.dead_letters("order.created", GROUP)
    await reader.stop()
    assert kept["dlq_reason"] == "unknown_partner"
    assert len(reader.batches) == 1


async def test_two_members_share_the_work_and_lose_nothing_when_one_leaves(apart: Platform) -> None:
    """F6: every record is handled by one of them; after a rebalance perhaps by both."""
    one, two = Reader(apart), Reader(apart)
    one.start()
    two.start()
    for i in range(200):
        await apart.io.publish(OrderCreated(partner_id=f"p{i}", order_number=f"n-{i}"), event_id=str(i))
        if i == 100:
            await two.stop()
    await eventually(lambda: len({*one.seen, *two.seen}) == 200, timeout=20)
    await one.stop()


async def test_a_reader_that_waits_for_its_topic_ends_at_once_when_it_must(apart: Platform) -> None:
    """F6: SIGTERM does not wait for what may never come."""
    reader = Reader(apart)
    reader.kafka = Kafka(KafkaSettings(kafka_bootstrap=apart.kafka_bootstrap, kafka_prefix=unique("none") + "."))
    reader.subscription = subscribe(OrderCreated, reader.handle, service=GROUP, kafka=reader.kafka)
    reader.start()
    await eventually(lambda: reader.kafka.is_connected)
    await asyncio.wait_for(reader.stop(), 5)


async def test_a_reader_waits_for_a_topic_that_is_not_there_yet(platform: Platform) -> None:
    """F6: topics are made by a command, perhaps after the service started."""
    new = Platform(platform.kafka_bootstrap, platform.mongo_url, platform.directory)
    reader = Reader(new)
    reader.start()
    assert "order.created" in (reader.subscription.trouble or "")
    await new.prepare()
    await new.io.publish(order("late"), event_id="1")
    await eventually(lambda: reader.seen == ["late"], timeout=20)
    await reader.stop()
    await new.close()
