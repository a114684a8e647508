"""The engine in the process of a test, for what is asked of it without a service."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from common.mongo import Mongo
from outbox.handlers import Outbox
from outbox.main import INDEXES, build
from outbox.settings import Settings
from tests.support.databases import database
from tests.support.platform import KEYRING, Platform

LEASE = timedelta(seconds=3)


@pytest.fixture
async def mongo(platform: Platform) -> AsyncGenerator[Mongo]:
    """A database with nothing in it."""
    async with database(platform, INDEXES) as mongo:
        yield mongo


@pytest.fixture
def outbox(platform: Platform, mongo: Mongo) -> Outbox:
    """Wired, and without its jobs."""
    settings = Settings(
        mongo_url=SecretStr(platform.mongo_url), mongo_database=mongo.database.name, smtp_ports="*",
        kafka_bootstrap=platform.kafka_bootstrap, kafka_prefix=platform.prefix, outbox_keyring=SecretStr(KEYRING),
        lease_seconds=LEASE.total_seconds(), smtp_allowed_inner_hosts="127.0.0.1",
    )  # fmt: skip
    return build(settings).state.provided[Outbox]
