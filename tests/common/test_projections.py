"""Keeping the states of others: the newest stays, in whatever order and by however many they come (F6)."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from common.mongo import Document, keep_newer
from tests.support.eventually import unique


@pytest.fixture
async def projection(parts: tuple[str, str]) -> AsyncIterator[AsyncCollection[Document]]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(parts[1])
    database = client[unique("projection")]
    yield database["states"]
    await client.drop_database(database)
    await client.close()


def states(*versions: int) -> list[tuple[str, Document]]:
    """States of the same thing."""
    return [("one", {"version": version, "name": f"name {version}"}) for version in versions]


async def test_the_newest_state_stays(projection: AsyncCollection[Document]) -> None:
    """F6: of several in one batch, of an older one that comes later, and of the same one that comes again."""
    for batch, newest in ((states(2, 3, 1), 3), (states(2), 3), (states(3), 3), (states(4, 2), 4), ([], 4)):
        await keep_newer(projection, [*batch, ("other", {"version": 1})])
        assert await projection.find_one({"_id": "one"}) == {"_id": "one", "version": newest, "name": f"name {newest}"}
    assert await projection.count_documents({}) == 2


async def test_the_newest_state_stays_whoever_writes_first(projection: AsyncCollection[Document]) -> None:
    """F6: replicas that read the same states at once, as during a rebalance, do not undo each other."""
    for round_ in range(5):
        batches = [[(f"{round_}/{key}", document) for key, document in states(*pair)] for pair in pairwise(range(8))]
        await asyncio.gather(*(keep_newer(projection, batch) for batch in batches))
        found = await projection.find_one({"_id": f"{round_}/one"})
        assert found is not None
        assert found["version"] == 7
