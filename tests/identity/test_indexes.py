"""Every query of identity is served by an index: the database itself says how it would find what is asked for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from common.mongo import Mongo
from identity.machines.storage import MachineStore
from identity.main import INDEXES
from identity.sessions.storage import SessionStore
from identity.settings import Settings
from identity.storage import Store
from tests.support.eventually import unique
from tests.support.plans import plans_of
from tests.support.platform import KEYRING, Platform

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    """A database with the indexes of identity, and nothing else in it."""
    url, name = SecretStr(platform.mongo_url), unique("identity")
    mongo = Mongo(Settings(mongo_url=url, mongo_database=name, identity_keyring=SecretStr(KEYRING)))
    await mongo.ensure(INDEXES)
    yield mongo
    await mongo.client.drop_database(mongo.database.name)
    await mongo.close()


QUERIES: dict[str, Callable[[Mongo], Awaitable[Any]]] = {
    "who signs in": lambda mongo: Store(mongo).user_by_email_of_all_partners("a@x.example"),
    "users": lambda mongo: Store(mongo).users_of("prt_1", "usr_1", 50),
    "partners": lambda mongo: Store(mongo).partners_of_all("prt_1", 50),
    "one session": lambda mongo: SessionStore(mongo).going_on_of_all_partners("ses_1"),
    "sessions": lambda mongo: SessionStore(mongo).of_user("prt_1", "usr_1", 0, NOW, "ses_1", 50),
    "a known address": lambda mongo: SessionStore(mongo).was_at("prt_1", "usr_1", "place"),
    "one machine": lambda mongo: MachineStore(mongo).named_of_all_partners("mch_1"),
    "machines": lambda mongo: MachineStore(mongo).of_partner("prt_1", "mch_1", 50),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_a_query_neither_scans_its_collection_nor_sorts(mongo: Mongo, name: str) -> None:
    """House rule 6."""
    [plan] = await plans_of(mongo, QUERIES[name])
    assert "IXSCAN" in plan or "IDHACK" in plan or "EXPRESS" in plan, plan
    assert "COLLSCAN" not in plan, plan
    assert "SORT" not in plan.replace("SORT_MERGE", ""), plan
