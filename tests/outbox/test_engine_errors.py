"""An error of ours costs the message that it is about, and no other; and it ends some day (B10, F6)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from common.errors import Poison
from common.events import Received, Recipient
from common.events.envelope import Origin
from common.mongo import Document, Mongo
from outbox.attachments.handlers import enclosed
from outbox.domain import Account, Answer, Outcome
from outbox.handlers import MOST_AROUND, RELAY_BATCH, Outbox, message_document, relay, take_in
from outbox.items import Item, Reach
from outbox.lanes import Lane
from outbox.mime import Incomplete, Mail
from tests.outbox.scripted import Scripted, listening
from tests.outbox.test_engine import account_at, running
from tests.outbox.test_lanes import address
from tests.support.eventually import eventually
from tests.support.messages import message


class Talking:
    """A connection that says of each mail what the test says."""

    def __init__(self, words: Callable[[Mail], Answer]) -> None:
        self.is_open = True
        self._words = words

    def close(self) -> None:
        self.is_open = False

    async def check(self) -> Answer:
        return Answer(Outcome.SENT)

    async def send(self, mail: Mail, then: Mail | None = None) -> Answer:
        return self._words(mail)


@dataclass
class Ended:
    """What a lane was done with."""

    outcomes: list[Outcome] = field(default_factory=lambda: [])

    def __call__(self, account: Account, item: Item, answer: Answer, reach: Reach) -> None:
        self.outcomes.append(answer.outcome)


def broken(account: Account, now: datetime, **changes: Any) -> Document:
    """A message that waits, and that no mail can be made of."""
    document = message_document(message(account.partner_id, address()), account, now)
    return document | {"content": {"subject": "Hello"}} | changes


async def attempted(mongo: Mongo, message_id: str) -> Document:
    """The message once it was tried."""

    async def found() -> Document:
        tried = {"_id": message_id, "attempts.0": {"$exists": True}}
        return await mongo.database["messages"].find_one(tried) or {}

    return await eventually(found)


async def test_a_message_that_we_cannot_compose_is_tried_as_late_as_any_and_ends_by_its_age(
    outbox: Outbox, mongo: Mongo
) -> None:
    """B10: it was taken back with each lease, for ever. It says why it waits, and nobody doubts that it never left."""
    async with listening(Scripted()) as server, running(outbox):
        account, now = await account_at(outbox, server), datetime.now(UTC)
        young, old = broken(account, now), broken(account, now, due_since=now - timedelta(days=4))
        files = broken(account, now, attachments=[{}])
        await outbox.delivery.take_in([young, old, files], {account.id: account})
        for one, status in ((young, "WAITING"), (old, "ERROR"), (files, "WAITING")):
            tried = await attempted(mongo, one["_id"])
            assert (tried["status"], tried["possible_duplicate"]) == (status, False)
            assert tried["error"].startswith("the message could not be made ready, which is our fault (KeyError")
            assert status == "ERROR" or tried["due_at"] > now + timedelta(seconds=20)
        assert not server.contents


async def test_what_cannot_be_composed_costs_its_neighbours_nothing(outbox: Outbox, mongo: Mongo) -> None:
    """F6: whose mail was under way when the next one could not be written was said to have been lost."""
    async with listening(Scripted(delay=0.02)) as server, running(outbox):
        account, now = await account_at(outbox, server), datetime.now(UTC)
        good = [message_document(message(account.partner_id, address()), account, now) for _ in range(20)]
        unwritten = broken(account, now, content={"subject": "Hello", "text": "\ud800", "html": ""})
        lane: Lane = outbox.delivery._lane(account)  # pyright: ignore[reportPrivateUsage]
        await outbox.queue.take_in([*good, *[broken(account, now, rank=position % 3 + 4) for position in range(9)]])
        outbox.delivery.look_at(account.id)
        ends = asyncio.get_running_loop().time() + 60
        lane.take(Item("nobody's", unwritten, now, ends))

        async def all_sent() -> bool:
            return await mongo.database["messages"].count_documents({"status": "SENT"}) == len(good)

        await eventually(all_sent)
        sent = [one async for one in mongo.database["messages"].find({"status": "SENT"})]
        assert {(len(one["attempts"]), one["possible_duplicate"]) for one in sent} == {(1, False)}
        assert lane.in_hand == 0


async def test_an_error_of_ours_leaves_no_connection_that_nobody_uses(outbox: Outbox) -> None:
    """B9: a lane that thinks it has one never asks with one alone whether the server lets it in. And B10: nobody knows
    how far the message came, which is tried again as late as any, and ends by its age."""
    account, ended = await account_at(outbox, Scripted()), Ended()

    def fail(mail: Mail) -> Answer:
        raise KeyError(mail.message_id)

    async def connect(_: Account) -> Talking:
        return Talking(fail)

    lane = Lane(account, connect, outbox.delivery._composing.mail, ended, 30, 30)  # pyright: ignore[reportPrivateUsage]
    document = message_document(message(account.partner_id, address()), account, datetime.now(UTC))
    lane.take(Item("token", document, datetime.now(UTC), asyncio.get_running_loop().time() + 60))
    await eventually(lambda: ended.outcomes == [Outcome.UNKNOWN])
    assert (lane.is_let_in, lane.in_hand) == (False, 0)


async def test_an_error_of_ours_before_the_provider_heard_of_a_message_leaves_no_doubt(outbox: Outbox) -> None:
    """F6: the database was away, for example, when it was asked for the key that mails are signed with."""
    account, ended = await account_at(outbox, Scripted()), Ended()

    async def connect(_: Account) -> Talking:
        raise AutoReconnect

    lane = Lane(account, connect, outbox.delivery._composing.mail, ended, 30, 30)  # pyright: ignore[reportPrivateUsage]
    document = message_document(message(account.partner_id, address()), account, datetime.now(UTC))
    lane.take(Item("token", document, datetime.now(UTC), asyncio.get_running_loop().time() + 60))
    await eventually(lambda: ended.outcomes == [Outcome.TRY_AGAIN])
    assert lane.in_hand == 0


async def test_everything_that_was_left_behind_is_announced_at_once(outbox: Outbox, mongo: Mongo) -> None:
    """F6: while the broker is away there are thousands, and ten a second would take hours."""
    announcements, long_ago = mongo.database["announcements"], datetime.now(UTC) - timedelta(minutes=1)
    fact = {"message_id": "gone", "reason": "sent", "provider_id": "", "trace": None}
    await announcements.insert_many(
        [{"at": long_ago, "token": "t", "facts": [fact]} for _ in range(2 * RELAY_BATCH + 1)]
    )
    await relay(outbox)
    assert await announcements.count_documents({}) == 0


async def test_what_was_claimed_for_less_time_than_it_takes_to_be_let_in_is_left_to_others(outbox: Outbox) -> None:
    """F6: while a server took its time, and the database was away, the claim ran out: another has the message."""
    account, ended, is_let_in = await account_at(outbox, Scripted()), Ended(), asyncio.Event()
    sent: list[Mail] = []

    def take(mail: Mail) -> Answer:
        sent.append(mail)
        return Answer(Outcome.SENT)

    async def connect(_: Account) -> Talking:
        await is_let_in.wait()
        return Talking(take)

    lane = Lane(account, connect, outbox.delivery._composing.mail, ended, 30, 30)  # pyright: ignore[reportPrivateUsage]
    document = message_document(message(account.partner_id, address()), account, datetime.now(UTC))
    ends = asyncio.get_running_loop().time() + 0.2
    lane.take(Item("token", document, datetime.now(UTC), ends))
    await eventually(lambda: asyncio.get_running_loop().time() > ends)
    is_let_in.set()
    await eventually(lambda: lane.in_hand == 0)
    assert (sent, ended.outcomes) == ([], [])


async def test_a_file_that_cannot_be_read_now_leaves_no_doubt(outbox: Outbox) -> None:
    """F6: the mail has no end when the database goes away, so its server did not take it."""
    file = {"id": "f" * 64, "name": "a.txt", "type": "text/plain", "size": 1}
    [enclosed_file] = enclosed(outbox.attachments, {"partner_id": "prt", "attachments": [file]})
    await outbox.store.messages.of_all_partners.database.client.close()
    with pytest.raises(Incomplete):
        [_ async for _ in enclosed_file.read()]


async def test_a_message_whose_end_could_not_be_told_is_poison(outbox: Outbox) -> None:
    """F6: it was sent, no topic took the record that said so, and behind it nothing that a crash had left was told."""
    name = "x" * (MOST_AROUND + 1)
    wanted = message("prt", address(), recipient=Recipient(address=address(), name=name, reasons=[]))
    event = Received("e", "/test", wanted.TOPIC, datetime.now(UTC), wanted, None, Origin(wanted.TOPIC, 0, 0))
    with pytest.raises(Poison):
        await take_in(outbox, [event])
