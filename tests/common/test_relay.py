"""Announcing states: the newest one is the last word in its topic, whoever dies and whatever fails (F6)."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.errors import KafkaError
from pymongo.asynchronous.collection import AsyncCollection

from common.events import SigningKeyChanged
from common.kafka.connection import Kafka
from common.mongo import Document
from common.relay import LEFT_SECONDS, StateRelay
from common.settings import KafkaSettings
from tests.support.eventually import unique
from tests.support.platform import Platform

Keys = AsyncCollection[Document]


@pytest.fixture
async def keys(apart: Platform) -> AsyncGenerator[Keys]:
    """A key in its second version, which was announced."""
    name = unique("relay")
    keys = apart.mongo[name]["keys"]
    await keys.insert_one({"_id": unique("kid"), "version": 2})
    yield keys
    await apart.mongo.drop_database(name)


def relay(keys: Keys, kafka: Kafka) -> StateRelay:
    return StateRelay(keys, kafka, "/test", lambda one: SigningKeyChanged(kid=one["_id"], version=one["version"]))


def notes(keys: Keys) -> Keys:
    return keys.database["keys_announcing"]


async def test_what_was_published_behind_a_newer_state_by_whoever_died_is_put_right(kafka: Kafka, keys: Keys) -> None:
    """F6: his note tells it, once it is old enough that he cannot be there any more."""
    [key] = await keys.find().to_list()
    lately = datetime.now(UTC) - timedelta(seconds=LEFT_SECONDS / 2)
    await notes(keys).insert_one({"_id": "somebody", "at": lately, "ids": [key["_id"], "gone"]})
    other = relay(keys, kafka)
    await other.take_up()
    assert await other.publish_due() == 0
    await notes(keys).update_one({"_id": "somebody"}, {"$set": {"at": lately - timedelta(seconds=LEFT_SECONDS)}})
    await other.take_up()
    assert await other.publish_due() == 1
    assert await other.publish_due() == 0
    assert await notes(keys).count_documents({}) == 0


async def test_what_may_have_been_published_is_announced_again_though_another_cleared_its_mark(
    apart: Platform, kafka: Kafka, keys: Keys
) -> None:
    """F6: nobody knows whether the record of a failure came into the topic, perhaps behind a newer one."""
    away = Kafka(KafkaSettings(kafka_bootstrap="127.0.0.1:1", kafka_prefix=apart.prefix))
    await keys.update_one({}, {"$set": {"announce": True}})
    unlucky = relay(keys, away)
    with pytest.raises(KafkaError):
        await unlucky.publish_due()
    [key] = await keys.find().to_list()
    assert (await notes(keys).find_one({}) or {})["ids"] == [key["_id"]]
    assert await relay(keys, kafka).publish_due() == 1
    assert await keys.count_documents({"announce": True}) == 0
    assert await unlucky.publish_due() == 0
    assert await keys.count_documents({"announce": True}) == 1
    assert await notes(keys).count_documents({}) == 0
