"""Claims that nobody works by, and messages that go from one account to another (F6, B11)."""

from datetime import UTC, datetime, timedelta

import pytest
from pymongo.errors import PyMongoError

from common.mongo import Mongo
from outbox.account_handlers import PARTS_AT_ONCE, find_accounts, remove_account
from outbox.handlers import Outbox, message_document, take_back
from outbox.queue import MOVED_AT_ONCE, NO_ACCOUNT
from tests.outbox.scripted import Scripted, listening
from tests.outbox.test_engine import account_at, running
from tests.outbox.test_lanes import address
from tests.support.eventually import eventually
from tests.support.messages import message


async def test_what_could_not_be_given_back_is_given_back_later_and_no_attempt_of_it_was_lost(
    outbox: Outbox, mongo: Mongo
) -> None:
    """F6: nothing of it left, so that it may be a duplicate is not true. The database was away for a moment only."""
    messages, now = mongo.database["messages"], datetime.now(UTC)
    async with listening(Scripted()) as server:
        account = await account_at(outbox, server)
        first, other = (message_document(message(account.partner_id, address()), account, now) for _ in range(2))
        await outbox.queue.take_in([first, other | {"due_at": now + timedelta(days=1)}])
        claim = await outbox.queue.claim_due(now, timedelta(0), {account.id: 1})
        where = {"status": "WAITING"}
        await messages.create_index("account_id", name="one", unique=True, partialFilterExpression=where)
        with pytest.raises(PyMongoError):
            await outbox.queue.give_back({claim.token: [first["_id"]]}, now)
        await messages.drop_index("one")
        assert (await take_back(outbox)).total() == 0
        async with running(outbox):
            await eventually(lambda: server.contents)
    found = await messages.find_one({"_id": first["_id"]})
    assert found is not None
    assert (found["status"], len(found["attempts"]), found["possible_duplicate"]) == ("SENT", 1, False)


async def test_a_great_many_that_wait_for_an_account_that_is_gone_hold_up_nobody(outbox: Outbox, mongo: Mongo) -> None:
    """B11, fairness: one statement for a million of them took longer than one may, and all that was due waited for it,
    again and again. They go to the next account in parts, too, all of them."""
    messages, now = mongo.database["messages"], datetime.now(UTC)
    account, count = await account_at(outbox, Scripted()), PARTS_AT_ONCE * MOVED_AT_ONCE + 1
    wanted = [message(account.partner_id, address()) for _ in range(count)]
    await outbox.queue.take_in([message_document(one, account, now) for one in wanted])
    await messages.update_one({"_id": wanted[0].message_id}, {"$set": {"attempts": [{"outcome": "unknown"}]}})

    async def waiting_for_one() -> int:
        return await messages.count_documents({"waiting_reason": NO_ACCOUNT, "account_id": None, "due_at": None})

    await remove_account(outbox, account.partner_id, account.id)
    assert await waiting_for_one() == MOVED_AT_ONCE
    async with running(outbox):

        async def all_wait() -> bool:
            return await waiting_for_one() == count

        await eventually(all_wait)
    assert await messages.count_documents({"possible_duplicate": True}) == 1
    other = await account_at(outbox, Scripted())
    await mongo.database["accounts"].update_one({"_id": other.id}, {"$set": {"partner_id": account.partner_id}})
    assert await find_accounts(outbox)
    assert outbox.released_in_part.is_set(), "the rest would wait for the next look"
    while await find_accounts(outbox):
        pass
    assert await messages.count_documents({"account_id": other.id, "due_at": {"$lte": datetime.now(UTC)}}) == count


async def test_what_is_given_back_or_gets_an_account_leaves_in_the_order_of_its_age(outbox: Outbox) -> None:
    """Fairness: what a process that ends had claimed went behind everything that waited, and what had waited for an
    account left as its id happened to be."""
    account, now = await account_at(outbox, Scripted()), datetime.now(UTC)
    wanted = sorted((message(account.partner_id, address()) for _ in range(6)), key=lambda one: one.message_id)
    oldest_first = [one.message_id for one in reversed(wanted)]
    for age, one in enumerate(wanted):
        await outbox.queue.take_in([message_document(one, None, now - timedelta(minutes=age))])
    await outbox.queue.release(account.partner_id, "email", account.id, now)

    async def claimed(most: int) -> list[str]:
        claim = await outbox.queue.claim_due(datetime.now(UTC), timedelta(minutes=1), {account.id: most})
        ids = [one["_id"] for one in claim.messages]
        await outbox.queue.give_back({claim.token: ids}, datetime.now(UTC))
        return ids

    assert await claimed(2) == oldest_first[:2]
    assert await claimed(6) == oldest_first
