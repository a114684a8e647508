"""Dead letters are kept, listed, replayed and discarded (F6), on the real broker and database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from common.dead_letters import handlers
from common.dead_letters.consumers import reading
from common.dead_letters.domain import BeingReplayed, LetterStatus, SetAside, WasDiscarded, WasReplayed
from common.dead_letters.handlers import DeadLetters
from common.dead_letters.storage import INDEXES, DeadLetterStore, Filter
from common.errors import Poison
from common.events import OrderCreated, encode
from common.events.registry import dead_letter_topic
from common.jobs import Stop
from common.kafka.connection import Kafka
from common.kafka.dead_letters import DeadLetter, StoredRecord, set_aside
from common.mongo import Document, Mongo
from common.settings import ServiceSettings
from tests.support.eventually import eventually, unique
from tests.support.plans import plans_of
from tests.support.platform import Platform

SERVICE = "notifications"  # its dead-letter topics exist
TOPIC = "order.created"
POISON = Poison("unknown_partner", "the partner did not become known in time")


@dataclass
class Desk:
    """The dead letters of a service of this test alone, which are brought in while `reading` runs."""

    letters: DeadLetters
    mongo: Mongo
    platform: Platform

    @property
    def kafka(self) -> Kafka:
        return self.letters.kafka

    async def set_aside(self, *numbers: str, offset: int = -1, poison: Poison = POISON, topic: str = TOPIC) -> None:
        """As a reader of the service would do it with orders of these numbers, whose ids they are too."""
        orders = [OrderCreated(partner_id="prt_x", order_number=number) for number in numbers]
        records = [encode(order, event_id=order.order_number, source="/test") for order in orders]
        kept = [replace(StoredRecord.of(record), partition=0, offset=offset) for record in records]
        await set_aside(self.kafka, topic, SERVICE, [DeadLetter(one, poison) for one in kept])

    async def listed(self, count: int = 1, **chosen: Any) -> list[Document]:
        """What is listed, once there are so many."""

        async def enough() -> list[Document]:
            found = await self.letters.store.page(Filter(**chosen), None, 200)
            return found if len(found) >= count else []

        return await eventually(enough)

    def published(self) -> list[str]:
        """The ids of the orders that are in the topic."""
        return [event.id for event in self.platform.io.follow(OrderCreated).events]


@pytest.fixture
async def desk(platform: Platform) -> AsyncIterator[Desk]:
    """Topics and a database of this test alone."""
    apart = await platform.apart(unique("dead"))
    settings = ServiceSettings(
        service_name=SERVICE, kafka_bootstrap=apart.kafka_bootstrap, kafka_prefix=apart.prefix,
        mongo_url=SecretStr(apart.mongo_url), mongo_database=unique("dead"),
    )  # fmt: skip
    mongo, kafka = Mongo(settings), Kafka(settings)
    await mongo.ensure(INDEXES)
    yield Desk(DeadLetters(DeadLetterStore(mongo), kafka), mongo, apart)
    await mongo.client.drop_database(mongo.database.name)
    await mongo.close()
    await kafka.stop()


@pytest.fixture
async def read(desk: Desk) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Starts the job that keeps what is in the dead-letter topics; it is ended with the test."""
    stop, tasks = Stop(), list[asyncio.Task[None]]()

    async def start() -> None:
        tasks.append(asyncio.create_task(reading(desk.letters.store, desk.kafka, SERVICE).run(stop)))

    yield start
    stop.set()
    await asyncio.gather(*tasks)


Read = Callable[[], Awaitable[None]]


async def test_a_dead_letter_is_listed_with_all_that_can_be_known_of_it(desk: Desk, read: Read) -> None:
    """F6."""
    await read()
    await desk.set_aside("n-1", offset=7)
    [letter] = await desk.listed()
    shown = {name: letter[name] for name in ("status", "topic", "reason", "partition", "offset", "key")}
    assert shown == {
        "status": "open", "topic": TOPIC, "reason": POISON.reason, "partition": 0, "offset": 7, "key": "prt_x",
    }  # fmt: skip
    assert (letter["source"], letter["event_id"], letter["event_type"]) == ("/test", "n-1", TOPIC)
    assert letter["detail"] == POISON.detail
    assert "record" not in letter


async def test_what_is_set_aside_or_read_twice_is_one_dead_letter(desk: Desk, read: Read) -> None:
    """F6: a reader that died before it committed sets the same record aside again; our own reader may die too."""
    await desk.set_aside("n-1", offset=7)
    await desk.set_aside("n-1", offset=7)
    await desk.set_aside("n-2", offset=8)
    stop = Stop()
    first = asyncio.create_task(reading(desk.letters.store, desk.kafka, SERVICE).run(stop))
    await desk.listed(2)
    stop.set()
    await first
    await desk.platform.io.rewind(dead_letter_topic(TOPIC, SERVICE), f"{SERVICE}.dead_letters")
    await read()
    await desk.set_aside("last")
    assert sorted(one["event_id"] for one in await desk.listed(3)) == ["last", "n-1", "n-2"]


async def test_what_the_service_itself_had_kept_is_another_dead_letter_each_time(desk: Desk, read: Read) -> None:
    """F6: such a record has no place in a topic; replayed in vain, it is set aside anew."""
    await read()
    await desk.set_aside("n-1")
    [letter] = await desk.listed()
    await handlers.replay(desk.letters, letter["_id"], "usr_1")
    await desk.set_aside("n-1")
    [anew] = await desk.listed()
    assert anew["_id"] != letter["_id"]


async def test_the_topic_of_a_new_kind_of_event_is_read_though_it_is_made_later(desk: Desk, read: Read) -> None:
    """F6."""
    await read()
    await desk.set_aside("before")
    await desk.listed()
    await desk.platform.make_topic(dead_letter_topic("brand.new", SERVICE))
    await desk.set_aside("after", topic="brand.new")
    [letter] = await desk.listed(topic="brand.new")
    assert letter["event_id"] == "after"


async def test_the_dead_letters_of_another_system_on_the_same_broker_are_not_ours(desk: Desk, read: Read) -> None:
    """F6: where one's prefix is the beginning of the other's."""
    settings = desk.kafka.settings
    other = Kafka(settings.model_copy(update={"kafka_prefix": settings.kafka_prefix + "staging."}))
    await desk.platform.make_topic("staging." + dead_letter_topic(TOPIC, SERVICE))
    record = StoredRecord.of(encode(OrderCreated(partner_id="p", order_number="1"), event_id="theirs", source="/s"))
    await set_aside(other, TOPIC, SERVICE, [DeadLetter(record, POISON)])
    await other.stop()
    await read()
    await desk.set_aside("ours")
    assert [one["event_id"] for one in await desk.listed()] == ["ours"]
    assert await desk.mongo.database["dead_letters"].count_documents({}) == 1


async def test_a_hundred_simultaneous_replays_publish_the_record_once(desk: Desk, read: Read) -> None:
    """F6: whole and as it was, without what was added."""
    await read()
    await desk.set_aside("n-1")
    [letter] = await desk.listed()
    calls = [handlers.replay(desk.letters, letter["_id"], "usr_1") for _ in range(100)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    other = [one for one in answers if not isinstance(one, dict)]
    assert all(isinstance(one, BeingReplayed) for one in other)
    assert len(other) < 100
    await handlers.replay(desk.letters, letter["_id"], "usr_2")
    await desk.platform.io.publish(OrderCreated(partner_id="prt_x", order_number="end"), event_id="end")
    await eventually(lambda: "end" in desk.published())
    assert desk.published() == ["n-1", "end"]
    [closed] = await desk.listed(status=LetterStatus.REPLAYED)
    assert (closed["closed_by"], "claim" in closed) == ("usr_1", False)
    original = encode(OrderCreated(partner_id="prt_x", order_number="n-1"), event_id="n-1", source="/test")
    record = (await desk.platform.io.records(TOPIC))[0]
    assert (record.key, record.value) == (original.key, original.value)
    assert [name for name, _ in record.headers] == [name for name, _ in original.headers]


async def test_what_was_published_but_not_marked_is_published_again_after_the_claim(desk: Desk, read: Read) -> None:
    """F6: the process died in between. Until the claim has run out, nobody else may replay or discard it."""
    await read()
    await desk.set_aside("n-1")
    [letter] = await desk.listed()
    now = datetime.now(UTC)
    [claimed] = await desk.letters.store.claim([letter["_id"]], "dead", now, now + timedelta(seconds=1))
    await desk.kafka.publish([handlers._original(claimed)])  # pyright: ignore[reportPrivateUsage]  and here it died
    with pytest.raises(BeingReplayed):
        await handlers.replay(desk.letters, letter["_id"], "usr_1")
    with pytest.raises(BeingReplayed):
        await handlers.discard(desk.letters, letter["_id"], "usr_1", "no")
    assert await handlers.replay_all(desk.letters, None, POISON.reason, "usr_1") == 0

    async def replayed() -> bool:
        return await handlers.replay_all(desk.letters, None, POISON.reason, "usr_1") == 1

    await eventually(replayed)
    await eventually(lambda: desk.published() == ["n-1", "n-1"])


async def test_all_of_a_reason_are_replayed_the_oldest_first_and_no_others(desk: Desk, read: Read) -> None:
    """F6: in batches, and what was set aside after the call began is left for another."""
    await read()
    later = datetime.now(UTC) + timedelta(minutes=1)
    letter = {"_id": "later", "status": "open", "topic": TOPIC, "reason": POISON.reason, "event_id": "later"}
    await desk.letters.store.keep([letter | {"at": later}])
    numbers = [f"n-{i:03}" for i in range(handlers.REPLAY_BATCH * 2 + 5)]
    await desk.set_aside("other", poison=Poison("not_json"))
    await desk.set_aside(*numbers)
    await desk.listed(len(numbers) + 2)
    assert await handlers.replay_all(desk.letters, "another.topic", POISON.reason, "usr_1") == 0
    assert await handlers.replay_all(desk.letters, TOPIC, POISON.reason, "usr_1") == len(numbers)
    await eventually(lambda: len(desk.published()) == len(numbers))
    assert sorted(desk.published()) == numbers
    assert [one["event_id"] for one in await desk.listed(2)] == ["later", "other"]


async def test_what_is_closed_stays_closed(desk: Desk, read: Read) -> None:
    """F6: discarded with the first note, or replayed."""
    await read()
    await desk.set_aside("n-1", "n-2")
    one, two = await desk.listed(2)
    first = await handlers.discard(desk.letters, one["_id"], "usr_1", "a test of the publisher")
    assert (first["status"], first["closed_by"], first["note"]) == ("discarded", "usr_1", "a test of the publisher")
    assert await handlers.discard(desk.letters, one["_id"], "usr_2", "another note") == first
    with pytest.raises(WasDiscarded):
        await handlers.replay(desk.letters, one["_id"], "usr_1")
    replayed = await handlers.replay(desk.letters, two["_id"], "usr_1")
    assert await handlers.replay(desk.letters, two["_id"], "usr_2") == replayed
    with pytest.raises(WasReplayed):
        await handlers.discard(desk.letters, two["_id"], "usr_1", "no")


async def test_why_an_event_is_set_aside_can_be_looked_up_while_it_is_open(desk: Desk, read: Read) -> None:
    """F6: by source, id and key; the newest of several."""
    await read()
    store = desk.letters.store
    await desk.set_aside("n-1", poison=Poison("handler_failed"))
    await desk.listed()
    await desk.set_aside("n-1")
    _, older = await desk.listed(2)
    assert await store.open_dead_letter_of("/test", "n-1", "prt_x") == SetAside(POISON.reason, POISON.detail)
    assert await store.open_dead_letter_of("/test", "n-1", "prt_y") is None
    assert await store.open_dead_letter_of("/other", "n-1", "prt_x") is None
    await handlers.replay_all(desk.letters, None, POISON.reason, "usr_1")
    assert await store.open_dead_letter_of("/test", "n-1", "prt_x") == SetAside("handler_failed", "")
    await handlers.discard(desk.letters, older["_id"], "usr_1", "done by hand")
    assert await store.open_dead_letter_of("/test", "n-1", "prt_x") is None


async def test_what_is_closed_is_forgotten_after_its_time_and_what_is_open_never(desk: Desk, read: Read) -> None:
    """F6."""
    await read()
    await desk.set_aside("n-1", "n-2", "n-3")
    one, two, _ = await desk.listed(3)
    await handlers.discard(desk.letters, one["_id"], "usr_1", "no")
    await handlers.replay(desk.letters, two["_id"], "usr_1")
    await handlers.forget(desk.letters, timedelta(days=1))
    assert await desk.mongo.database["dead_letters"].count_documents({}) == 3
    await handlers.forget(desk.letters, timedelta(days=-1))
    left = await desk.mongo.database["dead_letters"].find({}).to_list()
    assert [letter["status"] for letter in left] == ["open"]


async def test_a_record_of_the_largest_size_is_kept_whole_and_replayed(desk: Desk, read: Read) -> None:
    """F6: reason and origin go into its headers, and must find room there."""
    await read()
    size = desk.kafka.settings.kafka_max_record_bytes - 200
    record = StoredRecord(TOPIC, b"k", b"x" * size, [], partition=0, offset=1)
    await set_aside(desk.kafka, TOPIC, SERVICE, [DeadLetter(record, Poison("not_json", "x" * 20_000))])
    [letter] = await desk.listed()
    assert letter["bytes"] == size
    await handlers.replay(desk.letters, letter["_id"], "usr_1")


QUERIES: dict[str, Callable[[DeadLetterStore], Awaitable[Any]]] = {
    **{
        f"page of {chosen}, {after}": lambda store, chosen=chosen, after=after: store.page(chosen, after, 50)
        for chosen in (Filter(), Filter(topic=TOPIC), Filter(reason="r"), Filter(TOPIC, "r", LetterStatus.DISCARDED))
        for after in (None, (datetime(2026, 11, 23, tzinfo=UTC), "id"))
    },
    "one": lambda store: store.letter("id"),
    "one whole": lambda store: store.whole_letter("id"),
    "why": lambda store: store.open_dead_letter_of("/s", "e", "k"),
    "claimable": lambda store: store.claimable(Filter(None, "r"), datetime.now(UTC), datetime.now(UTC), 50),
    "forget": lambda store: store.forget(datetime.now(UTC)),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_neither_scans_its_collection_nor_sorts(desk: Desk, name: str) -> None:
    """House rule 6."""
    plans: Sequence[str] = await plans_of(desk.mongo, lambda mongo: QUERIES[name](DeadLetterStore(mongo)))
    [plan] = plans
    assert "IXSCAN" in plan or "IDHACK" in plan or "EXPRESS" in plan, plan
    assert "COLLSCAN" not in plan, plan
    assert "SORT" not in plan.replace("SORT_MERGE", ""), plan
