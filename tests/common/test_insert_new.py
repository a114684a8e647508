"""Inserting what is not there yet, in as many bulks as it takes (F6)."""

from collections.abc import AsyncIterator

import pytest
from pymongo import ASCENDING
from pymongo.errors import BulkWriteError

from common.mongo import PARTS, SMALLEST_PART, Document, Mongo, insert_new
from tests.support.databases import database
from tests.support.platform import Platform

MANY = PARTS * SMALLEST_PART + 1


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    async with database(platform) as mongo:
        yield mongo


def things(count: int, words: str) -> list[Document]:
    return [{"_id": number, "words": words, "place": number} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, SMALLEST_PART + 1, MANY])
async def test_what_is_there_stays_and_is_told(mongo: Mongo, count: int) -> None:
    """F6: of few and of many, the first and the last among them."""
    kept = mongo.database["things"]
    there = {0, count - 1} if count else set[int]()
    await insert_new(kept, [one for one in things(count, "first") if one["_id"] in there])
    assert await insert_new(kept, things(count, "second")) == there
    assert await kept.count_documents({}) == count
    assert {one["_id"] async for one in kept.find({"words": "first"})} == there


async def test_trouble_with_some_is_told_once_all_others_are_kept(mongo: Mongo) -> None:
    """F6: whoever tries again must not meet what is still being written."""
    kept = mongo.database["things"]
    await kept.create_index([("one", ASCENDING), ("other", ASCENDING)])
    bad: list[Document] = [{"_id": f"bad {i}", "one": [1, 2], "other": [1, 2]} for i in range(MANY)]
    with pytest.raises(BulkWriteError):  # bad ones are refused sooner than long ones are kept
        await insert_new(kept, bad + things(MANY, "long" * 10_000))
    assert await kept.count_documents({}) == MANY
