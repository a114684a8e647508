"""The engine in this process, between a database and a mail server: what it has in hand and what it has not (F6)."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from common.jobs import Stop
from common.mongo import Mongo
from outbox.account_handlers import add_account
from outbox.delivery import NEVER
from outbox.domain import Account
from outbox.handlers import Outbox, message_document, take_back
from outbox.main import INDEXES, build
from outbox.queue import claim_document
from outbox.settings import Settings
from outbox.via import Smtp
from tests.outbox.scripted import Scripted, listening
from tests.outbox.test_lanes import address
from tests.support.databases import database
from tests.support.eventually import eventually, unique
from tests.support.messages import message
from tests.support.platform import KEYRING, Platform

LEASE = timedelta(seconds=3)


@pytest.fixture
async def mongo(platform: Platform) -> AsyncGenerator[Mongo]:
    """A database with nothing in it."""
    async with database(platform, INDEXES) as mongo:
        yield mongo


@pytest.fixture
async def outbox(platform: Platform, mongo: Mongo) -> AsyncGenerator[Outbox]:
    """Its engine claims, and nothing is taken back but by the test."""
    settings = Settings(
        mongo_url=SecretStr(platform.mongo_url), mongo_database=mongo.database.name, smtp_ports="*",
        kafka_bootstrap=platform.kafka_bootstrap, kafka_prefix=platform.prefix, outbox_keyring=SecretStr(KEYRING),
        lease_seconds=LEASE.total_seconds(), smtp_allowed_inner_hosts="127.0.0.1",
    )  # fmt: skip
    outbox: Outbox = build(settings).state.provided[Outbox]
    stop, delivery = Stop(), outbox.delivery
    jobs = [asyncio.create_task(one(stop)) for one in (delivery.claims, delivery.finish, delivery.leases)]
    await eventually(lambda: vars(delivery)["_looked_at"] > NEVER)
    yield outbox
    stop.set()
    await asyncio.gather(*jobs)


async def account_at(outbox: Outbox, server: Scripted) -> Account:
    """A new default account of a new partner."""
    fields: dict[str, Any] = {"name": "Shop", "channel": "email", "from_name": "", "secret": None}
    account = Account(
        id=unique("acc"), partner_id=unique("prt"), via=Smtp("127.0.0.1", server.port, "none", None),
        from_address="shop@kettle.example.com", is_default=True, max_connections=1, **fields,
    )  # fmt: skip
    await add_account(outbox, account)
    await eventually(lambda: account.id not in vars(outbox.delivery)["_due"])
    return account


async def test_a_claim_that_a_first_try_made_lasts_as_long_as_it_is_thought_to(outbox: Outbox, mongo: Mongo) -> None:
    """F6: the database kept the message and was silent for most of a lease; while the second try has it in hand, nobody
    takes it back and sends it again."""
    held = asyncio.Event()
    async with listening(Scripted(held={"DATA": held})) as server:
        account = await account_at(outbox, server)
        wanted, now = message(account.partner_id, address()), datetime.now(UTC)
        token = vars(outbox.delivery)["_token"]
        tried = claim_document(token, now - LEASE * 0.9, LEASE)
        first = message_document(wanted, account, now) | {"status": "SENDING", "claim": tried}
        await outbox.queue.take_in([first])
        await outbox.delivery.take_in([message_document(wanted, account, now)], {account.id: account})
        await eventually(lambda: server.count("DATA") == 1)
        await eventually(lambda: datetime.now(UTC) > tried["until"])
        assert (await take_back(outbox)).total() == 0
        held.set()

        async def is_sent() -> bool:
            found = await mongo.database["messages"].find_one({"_id": wanted.message_id})
            return found is not None and found["status"] == "SENT" and not found["possible_duplicate"]

        await eventually(is_sent)
        assert len(server.contents) == 1
