"""Every query of crm is served by an index: the database itself says how it would find what is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from common.mongo import Mongo
from crm.records import storage as records
from crm.records.domain import Kind
from crm.records.storage import RecordStore
from crm.timeline import storage as timeline
from crm.timeline.storage import TimelineStore
from tests.support.databases import database
from tests.support.plans import plans_of
from tests.support.platform import Platform

AFTER = (datetime(2026, 11, 23, tzinfo=UTC), "id")


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    """A database with the indexes of crm, and nothing else in it."""
    async with database(platform, [*records.INDEXES, *timeline.INDEXES]) as mongo:
        yield mongo


QUERIES: dict[str, Callable[[Mongo], Awaitable[Any]]] = {
    "one record": lambda mongo: RecordStore(mongo).record("prt_1", "con_1"),
    "records": lambda mongo: RecordStore(mongo).page("prt_1", None, None, None, "", 50),
    "records of a kind": lambda mongo: RecordStore(mongo).page("prt_1", Kind.PERSON, None, None, "con_1", 50),
    "suppliers": lambda mongo: RecordStore(mongo).page("prt_1", None, True, None, "con_1", 50),
    "suppliers of a kind": lambda mongo: RecordStore(mongo).page("prt_1", Kind.PERSON, True, None, "", 50),
    "records by e-mail": lambda mongo: RecordStore(mongo).page("prt_1", None, None, "a@x.example", "", 50),
    "timeline of an address": lambda mongo: TimelineStore(mongo).of_address("prt_1", "a@x.example", None, 50),
    "its next page": lambda mongo: TimelineStore(mongo).of_address("prt_1", "a@x.example", AFTER, 50),
    "log of an order": lambda mongo: TimelineStore(mongo).of_order("prt_1", "A-1", None, 50),
    "the log's next page": lambda mongo: TimelineStore(mongo).of_order("prt_1", "A-1", AFTER, 50),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_neither_scans_its_collection_nor_sorts(mongo: Mongo, name: str) -> None:
    """House rule 6."""
    [plan] = await plans_of(mongo, QUERIES[name])
    assert "IXSCAN" in plan or "IDHACK" in plan or "EXPRESS" in plan, plan
    assert "COLLSCAN" not in plan, plan
    assert "SORT" not in plan.replace("SORT_MERGE", ""), plan


async def test_the_check_above_sees_a_query_without_an_index(mongo: Mongo) -> None:
    """House rule 6: a query by a field that no index has is found out."""

    def by_note(mongo: Mongo) -> Awaitable[Any]:
        return mongo.collection("records").of_all_partners.find_one({"note": "x"})

    [plan] = await plans_of(mongo, by_note)
    assert "COLLSCAN" in plan
