"""A database of a test's own, for what is asked of stores without a service."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from pydantic import SecretStr

from common.mongo import Index, Mongo
from common.settings import ServiceSettings
from tests.support.eventually import unique
from tests.support.platform import Platform


@asynccontextmanager
async def database(platform: Platform, indexes: Sequence[Index] = ()) -> AsyncGenerator[Mongo]:
    """One with these indexes and nothing else in it, gone afterwards."""
    url, name = SecretStr(platform.mongo_url), unique("test")
    mongo = Mongo(ServiceSettings(service_name="test", mongo_url=url, mongo_database=name))
    await mongo.ensure(indexes)
    try:
        yield mongo
    finally:
        await mongo.client.drop_database(mongo.database.name)
        await mongo.close()
