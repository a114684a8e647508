"""Secrets are sealed with a new key beside live services (B11)."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from common.keyring import Keyring
from common.mongo import Document, Mongo
from common.resealing import BATCH, Sealed, older_keys, seal_anew
from tests.support.databases import database
from tests.support.platform import Platform

PLACE = Sealed("things", "inner.secret", lambda thing, _: thing["_id"])


def ring(*ids: str) -> Keyring:
    keys = [f"{one}:{base64.b64encode(one.encode().ljust(32, b'.')).decode()}" for one in ids]
    return Keyring.parse(SecretStr(",".join(keys)))


OLD, NEW = ring("k1"), ring("k2", "k1")


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    async with database(platform) as made:
        yield made


async def keep(mongo: Mongo, **secrets: str | None) -> None:
    things = [{"_id": name, "inner": {"secret": one}} for name, one in secrets.items()]
    await mongo.database["things"].insert_many(things)


async def kept(mongo: Mongo) -> dict[str, Any]:
    return {one["_id"]: one["inner"]["secret"] async for one in mongo.database["things"].find()}


async def test_what_an_older_key_sealed_is_sealed_with_the_newest(mongo: Mongo) -> None:
    """B11: and opens for its owner; what is new stays as it is."""
    done = NEW.seal("new", "b")
    await keep(mongo, a=OLD.seal("old", "a"), b=done, c=None)
    assert await older_keys(mongo, NEW, PLACE) == {"k1": 1}
    assert await seal_anew(mongo, NEW, PLACE) == 1
    assert await older_keys(mongo, NEW, PLACE) == {}
    found = await kept(mongo)
    assert ring("k2").open(found["a"], "a") == "old"
    assert (found["b"], found["c"]) == (done, None)


async def test_what_is_not_there_is_not_made(mongo: Mongo) -> None:
    """B11."""
    without: list[Document] = [{"_id": "a"}, {"_id": "b", "inner": None}, {"_id": "c", "inner": {"other": 1}}]
    await mongo.database["things"].insert_many(without)
    assert await seal_anew(mongo, NEW, PLACE) == 0
    assert await mongo.database["things"].find(sort=[("_id", 1)]).to_list() == without


async def test_each_value_of_a_list_is_sealed_for_its_own_owner(mongo: Mongo) -> None:
    """B11."""
    parts = [{"id": one, "secret": OLD.seal(f"secret of {one}", f"t/{one}")} for one in ("a", "b")]
    await mongo.database["things"].insert_one({"_id": "t", "parts": [*parts, {"id": "c", "secret": None}]})
    place = Sealed("things", "parts.$.secret", lambda thing, part: f"{thing['_id']}/{part['id']}")
    assert await seal_anew(mongo, NEW, place) == 2
    [thing] = await mongo.database["things"].find().to_list()
    *sealed, empty = thing["parts"]
    assert [ring("k2").open(one["secret"], f"t/{one['id']}") for one in sealed] == ["secret of a", "secret of b"]
    assert empty == {"id": "c", "secret": None}


async def test_a_run_that_is_broken_off_is_gone_on_with_by_the_next(mongo: Mongo) -> None:
    """B11: of more than one batch; each batch that was written stays written."""
    last = f"{2 * BATCH:06}"
    await keep(mongo, **{one: OLD.seal("x", one) for one in (f"{number:06}" for number in range(2 * BATCH + 1))})

    def owner(thing: Document, _: Document) -> str:
        if thing["_id"] == last:
            raise InterruptedError
        return thing["_id"]

    with pytest.raises(InterruptedError):
        await seal_anew(mongo, NEW, replace(PLACE, owner=owner))
    assert await older_keys(mongo, NEW, PLACE) == {"k1": 1}
    assert await seal_anew(mongo, NEW, PLACE) == 1
    assert await older_keys(mongo, NEW, PLACE) == {}


async def test_what_no_key_opens_stays_and_is_told(mongo: Mongo) -> None:
    """B11: sealed by a key that is gone, bound to something else, or broken; the others go on."""
    gone, others, broken = ring("k0").seal("x", "a"), OLD.seal("x", "somebody"), "k1.AAAA"
    await keep(mongo, a=gone, b=others, c=broken, d=OLD.seal("x", "d"))
    assert await seal_anew(mongo, NEW, PLACE) == 1
    assert await older_keys(mongo, NEW, PLACE) == {"k0": 1, "k1": 2}
    found = await kept(mongo)
    assert (found["a"], found["b"], found["c"]) == (gone, others, broken)


async def test_what_is_changed_in_the_same_moment_stays_as_it_was_changed(mongo: Mongo, platform: Platform) -> None:
    """B11: a password that somebody sets between our reading the old one and writing it anew."""
    mine = OLD.seal("mine", "a")
    await keep(mongo, a=OLD.seal("old", "a"))

    def owner(thing: Document, _: Document) -> str:
        with MongoClient[Document](platform.mongo_url) as somebody:
            things = somebody[mongo.database.name]["things"]
            things.update_one({"_id": thing["_id"]}, {"$set": {"inner.secret": mine}})
        return thing["_id"]

    assert await seal_anew(mongo, NEW, replace(PLACE, owner=owner)) == 0
    assert (await kept(mongo))["a"] == mine
    assert await older_keys(mongo, NEW, PLACE) == {"k1": 1}
