"""The engine in this process, between a database and a mail server: what it has in hand and what it has not (F6)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from common.events import EventRef
from common.jobs import Stop
from common.mongo import Mongo
from outbox.account_handlers import find_accounts, replace_account, try_account
from outbox.delivery import NEVER
from outbox.domain import Account, Answer, Outcome, PasswordNeeded
from outbox.handlers import Outbox, message_document, resend_message, take_back
from outbox.items import Item, Reach, claim_document
from outbox.lanes import Lane
from outbox.queue import NO_ACCOUNT, Queue
from outbox.via import Smtp
from tests.outbox.conftest import LEASE
from tests.outbox.scripted import Scripted, listening
from tests.outbox.test_lanes import address
from tests.support.eventually import eventually, unique
from tests.support.messages import message
from tests.support.plans import plans_of


@asynccontextmanager
async def running(outbox: Outbox) -> AsyncGenerator[None]:
    """The jobs of its engine; nothing is taken back but by the test."""
    stop, delivery = Stop(), outbox.delivery
    jobs = [asyncio.create_task(one(stop)) for one in (delivery.claims, delivery.finish, delivery.leases)]
    await eventually(lambda: vars(delivery)["_looked_at"] > NEVER)
    yield
    stop.set()
    await asyncio.gather(*jobs)


async def account_at(outbox: Outbox, server: Scripted) -> Account:
    """A new default account of a new partner."""
    fields: dict[str, Any] = {"name": "Shop", "channel": "email", "from_name": "", "secret": None}
    account = Account(
        id=unique("acc"), partner_id=unique("prt"), via=Smtp("127.0.0.1", server.port, "none", None),
        from_address="shop@kettle.example.com", is_default=True, max_connections=1, **fields,
    )  # fmt: skip
    await outbox.store.add_account(account)
    return account


async def test_a_claim_that_a_first_try_made_lasts_as_long_as_it_is_thought_to(outbox: Outbox, mongo: Mongo) -> None:
    """F6: the database kept the message and was silent for most of a lease; while the second try has it in hand, nobody
    takes it back and sends it again."""
    held = asyncio.Event()
    async with listening(Scripted(held={"DATA": held})) as server, running(outbox):
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


async def test_a_message_about_an_event_of_a_time_without_a_zone_is_sent_once(outbox: Outbox, mongo: Mongo) -> None:
    """F6: how long its delivery took could not be told, so what the server had said was not written, and it was sent
    again when its claim had run out."""
    async with listening(Scripted()) as server, running(outbox):
        account = await account_at(outbox, server)
        about = EventRef.model_validate_json('{"source": "/test", "id": "e", "time": "2026-11-23T10:15:00"}')
        wanted = message(account.partner_id, address(), event=about)
        await outbox.delivery.take_in([message_document(wanted, account, datetime.now(UTC))], {account.id: account})

        async def is_sent() -> bool:
            await take_back(outbox)
            found = await mongo.database["messages"].find_one({"_id": wanted.message_id})
            return found is not None and found["status"] == "SENT"

        await eventually(is_sent)
        assert len(server.contents) == 1


async def test_a_claim_is_renewed_however_many_accounts_something_was_learned_of(outbox: Outbox, mongo: Mongo) -> None:
    """F6, B9: a campaign has one message in each of very many. To write that they all work took longer than a lease,
    and what a slow server had under way then was sent again."""
    held = asyncio.Event()
    async with listening(Scripted(held={"DATA": held})) as server, running(outbox):
        account, delivery, now = await account_at(outbox, server), outbox.delivery, datetime.now(UTC)
        for count in range(3_000):
            other = replace(account, id=f"acc_{count}")
            item = Item("token", message_document(message("prt", address()), other, now), now, 0.0)
            delivery.results.add(other, item, Answer(Outcome.SENT, 250, None, "250 OK"), Reach.INSIDE)
        wanted = message(account.partner_id, address())
        await delivery.take_in([message_document(wanted, account, now)], {account.id: account})

        async def all_is_written() -> bool:
            assert (await take_back(outbox)).total() == 0
            return not vars(delivery.results)["_health"]

        await eventually(all_is_written, timeout=30)
        held.set()
        await eventually(lambda: server.contents)


async def test_what_is_under_way_is_not_taken_back_by_a_replica_whose_clock_is_ahead(
    outbox: Outbox, mongo: Mongo
) -> None:
    """F6: by a few seconds; what a server looks at for so long would be sent again."""
    held = asyncio.Event()
    async with listening(Scripted(held={"DATA": held})) as server, running(outbox):
        account = await account_at(outbox, server)
        wanted = message(account.partner_id, address())
        await outbox.delivery.take_in([message_document(wanted, account, datetime.now(UTC))], {account.id: account})
        end = datetime.now(UTC) + LEASE

        async def is_over() -> bool:
            ahead = datetime.now(UTC) + LEASE * 0.6
            assert await outbox.queue.take_back([account.id], ahead, (), is_sure=False) == 0
            return datetime.now(UTC) > end

        await eventually(is_over)
        held.set()
        await eventually(lambda: server.contents)


async def test_a_lost_claim_is_taken_back_however_much_else_is_written(outbox: Outbox, mongo: Mongo) -> None:
    """F6: all that leaves as it comes in has one token; what is lost of it does not wait for the end of a campaign."""
    async with listening(Scripted()) as server:
        account, token = await account_at(outbox, server), vars(outbox.delivery)["_token"]
        now, documents = datetime.now(UTC), []
        for _ in range(2):
            one = message_document(message(account.partner_id, address()), account, now)
            documents.append(one | {"status": "SENDING", "claim": claim_document(token, now - 2 * LEASE, LEASE)})
        await outbox.queue.take_in(documents)
        item = Item(token, documents[0], now, 0.0)
        outbox.delivery.results.add(account, item, Answer(Outcome.SENT, 250, None, "250 OK"), Reach.INSIDE)
        assert (await take_back(outbox)).total() == 1
        statuses = {one["_id"]: one["status"] async for one in mongo.database["messages"].find()}
        assert statuses == {documents[0]["_id"]: "SENDING", documents[1]["_id"]: "WAITING"}


async def test_what_is_put_down_before_it_was_begun_leaves_its_lane_as_it_was(outbox: Outbox) -> None:
    """Fairness: else the lane of an account that was stopped in that moment has room for less, for good."""
    async with listening(Scripted()) as server:
        account = await account_at(outbox, server)
        delivery: Any = vars(outbox.delivery)
        lane: Lane = outbox.delivery._lane(account)  # pyright: ignore[reportPrivateUsage]
        document = message_document(message(account.partner_id, address()), account, datetime.now(UTC))
        item = Item("token", document | {"attachments": []}, datetime.now(UTC), 1e9)
        delivery["_preparing"].begin(lane, item)
        assert delivery["_preparing"].put_down([lane]) == [item]
        await eventually(lambda: lane.in_hand == 0)


async def test_a_process_ends_though_an_account_was_stopped_while_its_next_mail_was_chosen(
    outbox: Outbox, mongo: Mongo
) -> None:
    """F6: it waited for that mail until it was killed, and the mail was said to be a possible duplicate."""
    async with asyncio.timeout(10), listening(Scripted(delay=0.5)) as server:
        account, now = await account_at(outbox, server), datetime.now(UTC)
        wanted = [message(account.partner_id, address()) for _ in range(3)]
        async with running(outbox):
            await outbox.delivery.take_in(
                [message_document(one, account, now) for one in wanted], {account.id: account}
            )
            await eventually(lambda: server.count(".") == 2)
            lane: Lane = outbox.delivery._lane(account)  # pyright: ignore[reportPrivateUsage]
            lane.use(replace(account, version=1, stopped_at=now))
        statuses = [one["status"] async for one in mongo.database["messages"].find()]
        assert sorted(statuses) == ["SENT", "SENT", "WAITING"]


async def test_the_end_of_a_resent_message_is_later_than_the_one_before_whatever_the_clocks_say(
    outbox: Outbox, mongo: Mongo
) -> None:
    """B4, B8: whoever reads `message.failed` and `message.sent` takes the later one, and the clock of the replica that
    failed was ahead."""
    async with listening(Scripted()) as server, running(outbox):
        account, now = await account_at(outbox, server), datetime.now(UTC)
        failed = {"at": now, "ended_at": now + timedelta(seconds=5), "outcome": "message_refused", "reply": "550 no"}
        document = message_document(message(account.partner_id, address()), account, now)
        ended: dict[str, Any] = {"status": "ERROR", "attempts": [failed], "executed_at": failed["ended_at"]}
        await outbox.queue.take_in([document | ended])
        await resend_message(outbox, account.partner_id, document["_id"])

        async def is_later() -> bool:
            found = await mongo.database["messages"].find_one({"status": "SENT"})
            return found is not None and found["executed_at"] > now + timedelta(seconds=5)

        await eventually(is_later)


async def test_what_was_learned_of_accounts_is_kept_until_it_is_written(outbox: Outbox, mongo: Mongo) -> None:
    """B9: an account that has nothing more to send would show for good what it was before."""
    account, results = await account_at(outbox, Scripted()), outbox.delivery.results
    document = message_document(message(account.partner_id, address()), account, datetime.now(UTC))
    refused = Answer(Outcome.ACCOUNT_REFUSED, 535, None, "535 no")
    results.add(account, Item("token", document, datetime.now(UTC), 0.0), refused, Reach.DOOR)
    locked = {"createIndexes": "accounts", "indexes": [{"key": {"health.error": 1}, "name": "one", "unique": True}]}
    await mongo.database["accounts"].insert_one({"_id": "other", "partner_id": "p", "health": {"error": "535 no"}})
    await mongo.database.command(locked)
    with pytest.raises(PyMongoError):
        await results.write_health()
    await mongo.database["accounts"].drop_index("one")
    await results.write_health()
    found = await mongo.database["accounts"].find_one({"_id": account.id})
    assert found is not None
    assert found["health"]["error"] == "535 no"


async def test_of_messages_that_wait_for_an_account_only_their_partners_are_read(outbox: Outbox, mongo: Mongo) -> None:
    """B11: every two seconds it is asked for whom an account has come, and a partner without one may have a million."""
    account, now = await account_at(outbox, Scripted()), datetime.now(UTC)
    messages = [message(account.partner_id, address(), channel=channel) for channel in ("email", "sms")]
    await outbox.queue.take_in([message_document(one, None, now) for one in messages])
    await find_accounts(outbox)
    waiting = {one["channel"]: one["account_id"] async for one in mongo.database["messages"].find()}
    assert waiting == {"email": account.id, "sms": None}
    partners = {"distinct": "messages", "key": "partner_id", "query": {"waiting_reason": NO_ACCOUNT}}
    assert "DISTINCT_SCAN" in str(await mongo.database.command("explain", partners))
    assert account.partner_id in await outbox.queue.partners_without_account()
    [plan] = await plans_of(mongo, lambda mongo: Queue(mongo).waits_for(account.partner_id, "sms"))
    assert "COLLSCAN" not in plan


async def test_an_account_is_changed_only_in_the_version_that_was_looked_at(outbox: Outbox) -> None:
    """B11: or a change without a secret, to the server that it had, would send the secret there that it has by now."""
    async with listening(Scripted()) as old, listening(Scripted()) as new:
        before = await account_at(outbox, old)
        moved = replace(before, via=Smtp("127.0.0.1", new.port, "none", None), secret="of the new one")
        await replace_account(outbox, moved)
        assert await outbox.store.replace_account(before, before.version, datetime.now(UTC)) is None
        kept = await outbox.store.account(before.partner_id, before.id)
        assert kept is not None
        assert kept.via == moved.via
        with pytest.raises(PasswordNeeded):
            await replace_account(outbox, replace(before, secret=None))


@pytest.mark.parametrize("is_changed", [True, False])
async def test_a_test_that_works_releases_what_was_tested(outbox: Outbox, *, is_changed: bool) -> None:
    """B9: a password that was changed while the old one was tested is not known to work, and the provider may lock the
    account; one that was stopped while it was tested works."""
    async with listening(Scripted(held={"EHLO": asyncio.Event()})) as server:
        account, store, now = await account_at(outbox, server), outbox.store, datetime.now(UTC)
        testing = asyncio.create_task(try_account(outbox, account.partner_id, account.id))
        await eventually(lambda: server.count("EHLO") == 1)
        current = await store.replace_account(replace(account, secret="another"), 0, now) if is_changed else account
        assert current is not None
        assert await store.count_refusal_of_all_partners(current, "535 no", now, 1, is_first=True)
        server.held["EHLO"].set()
        assert (await testing).outcome is Outcome.SENT
        found = await store.account(account.partner_id, account.id)
        assert found is not None
        assert (found.stopped_at is not None) == is_changed
