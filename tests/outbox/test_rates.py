"""How many messages an account sends in a second and in a day, over all replicas (B10)."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.mongo import Mongo
from outbox.handlers import Outbox, message_document
from outbox.permitting import MOST_SECONDS, Permitting
from outbox.rates.domain import Rate, next_day
from outbox.rates.storage import RateStore
from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.outbox.test_engine import account_at as mail_account_at
from tests.outbox.test_engine import running
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
async def rated(mongo: Mongo) -> tuple[RateStore, str]:
    """An account that may send 10 in a second and 100 in a day."""
    account = unique("acc")
    await mongo.database["accounts"].insert_one({"_id": account, "rate": {"per_second": 10.0, "per_day": 100}})
    return RateStore(mongo), account


async def test_many_at_once_never_get_more_than_a_day_has(mongo: Mongo) -> None:
    """And what they get is all of it."""
    rates, account = RateStore(mongo), unique("acc")
    await mongo.database["accounts"].insert_one({"_id": account, "rate": {"per_second": None, "per_day": 100}})
    given = await asyncio.gather(*(rates.take_of_all_partners(account, 7, NOON) for _ in range(50)))
    assert sum(one.count for one in given) == 100
    assert given[-1].more_at == next_day(NOON) == datetime(2026, 11, 27, tzinfo=UTC)
    assert (await rates.take_of_all_partners(account, 7, next_day(NOON))).count == 7


async def test_a_second_fills_up_with_time_but_never_beyond_itself(rated: tuple[RateStore, str]) -> None:
    """The average is kept, and so is the most at once."""
    rates, account = rated

    async def take(wanted: int, seconds: float) -> int:
        return (await rates.take_of_all_partners(account, wanted, NOON + timedelta(seconds=seconds))).count

    assert [await take(*asked) for asked in ((8, 0), (8, 0), (8, 0.5), (50, 60), (1, 60))] == [8, 2, 5, 10, 0]
    assert (await rates.take_of_all_partners(account, 1, NOON + timedelta(seconds=60))).more_at == NOON + timedelta(
        seconds=60.1
    )


async def test_however_little_is_allowed_there_is_a_next_time(mongo: Mongo) -> None:
    """Fairness: the claims of everybody stopped where one account's next permit was beyond all calendars."""
    rates, account = RateStore(mongo), unique("acc")
    await mongo.database["accounts"].insert_one({"_id": account, "rate": {"per_second": 1e-300, "per_day": None}})
    await rates.take_of_all_partners(account, 7, NOON)
    assert (await rates.take_of_all_partners(account, 7, NOON)).more_at <= next_day(NOON) + timedelta(days=1)


async def test_what_was_not_used_can_be_used(rated: tuple[RateStore, str]) -> None:
    """An account with less waiting than it may send does not lose its allowance."""
    rates, account = rated
    assert (await rates.take_of_all_partners(account, 10, NOON)).count == 10
    await rates.give_back_of_all_partners(account, 4, NOON)
    assert (await rates.take_of_all_partners(account, 10, NOON)).count == 4


async def test_a_clock_that_is_behind_fills_nothing(rated: tuple[RateStore, str]) -> None:
    """Replicas' clocks differ a little."""
    rates, account = rated
    assert (await rates.take_of_all_partners(account, 10, NOON)).count == 10
    assert (await rates.take_of_all_partners(account, 10, NOON - timedelta(seconds=2))).count == 0


async def test_replicas_whose_clocks_differ_share_what_a_second_allows(rated: tuple[RateStore, str]) -> None:
    """The time between two clocks does not pass again each time that one asks after the other."""
    rates, account = rated
    given = 0
    for turn in range(20):  # within a second, each replica in its turn
        for behind in (0, 2):
            now = NOON + timedelta(seconds=turn * 0.05 - behind)
            given += (await rates.take_of_all_partners(account, 10, now)).count
    assert given <= 20


async def test_replicas_whose_clocks_differ_share_what_a_day_allows(mongo: Mongo) -> None:
    """Around midnight the day of one is over, and that of the other is not."""
    rates, account = RateStore(mongo), unique("acc")
    await mongo.database["accounts"].insert_one({"_id": account, "rate": {"per_second": None, "per_day": 100}})
    midnight = next_day(NOON)
    for seconds, count in ((-3, 100), (1, 100), (-1, 0), (2, 0), (-1, 0)):
        permits = await rates.take_of_all_partners(account, 100, midnight + timedelta(seconds=seconds))
        assert permits.count == count, seconds
    assert permits.more_at == next_day(midnight)
    assert (await rates.take_of_all_partners(account, 100, next_day(midnight))).count == 100


async def test_a_clock_that_was_wrong_for_once_holds_back_nothing_for_long(rated: tuple[RateStore, str]) -> None:
    """Only a little is believed of how far clocks are apart."""
    rates, account = rated
    assert (await rates.take_of_all_partners(account, 10, NOON + timedelta(days=30))).count == 10
    assert (await rates.take_of_all_partners(account, 10, NOON)).count == 0
    assert (await rates.take_of_all_partners(account, 10, NOON + timedelta(minutes=2))).count == 10


async def test_two_replicas_send_what_a_second_allows(platform: Platform) -> None:
    """B10: 25 mails at 10 in a second: ten at once, and the others need a second and a half."""
    one = await platform.service("outbox", instance="rated")
    await platform.replica(one)
    async with listening(Scripted()) as server:
        partner = unique("prt")
        await request(one, *(message(partner, f"{unique('a').replace('_', '-')}@x.example") for _ in range(25)))
        await settled(one, partner, *["WAITING"] * 25)
        began = time.monotonic()
        await sender_account(one, MailServer(port=server.port), partner=partner, per_second=10)
        await settled(one, partner, *["SENT"] * 25)
        assert time.monotonic() - began >= 1.4


async def test_what_was_not_tried_uses_nothing_of_a_day(outbox: Outbox, mongo: Mongo) -> None:
    """B10: while a server let nobody in, fifty at a time used what its provider allows in a day, and then, though it
    was back, all waited until midnight."""
    replies: dict[str, str | list[str]] = {"EHLO": ["421 4.3.0 not now" + HANG_UP]}
    async with listening(Scripted(replies)) as server, running(outbox):
        account = replace(await mail_account_at(outbox, server), rate=Rate(per_day=30))
        await outbox.store.replace_account(account, 0, datetime.now(UTC))
        wanted = [message(account.partner_id, f"{unique('a').replace('_', '-')}@x.example") for _ in range(31)]
        await outbox.queue.take_in([message_document(one, account, datetime.now(UTC)) for one in wanted])
        outbox.delivery.look_at(account.id)

        async def tried() -> bool:
            return await mongo.database["messages"].count_documents({"attempts.0": {"$exists": True}}) == 30

        await eventually(tried)
        await mongo.database["messages"].update_many({}, {"$set": {"due_at": datetime.now(UTC)}})

        async def sent() -> bool:
            return await mongo.database["messages"].count_documents({"status": "SENT"}) == 29

        await eventually(sent)


async def test_what_one_replica_gives_back_another_asks_for_before_midnight(outbox: Outbox, mongo: Mongo) -> None:
    """B10: the one that had more than it could use may be gone by then."""
    async with listening(Scripted()) as server:
        account = await mail_account_at(outbox, server)
        await mongo.database["accounts"].update_one({"_id": account.id}, {"$set": {"rate": {"per_day": 1}}})
        await RateStore(mongo).take_of_all_partners(account.id, 1, datetime.now(UTC))
        permitting: Permitting = vars(outbox.delivery)["_permitting"]
        lane: Any = outbox.delivery._lane(replace(account, rate=Rate(per_day=1)))  # pyright: ignore[reportPrivateUsage]
        lane.account = replace(account, rate=Rate(per_day=1))
        assert await permitting.permitted({account.id: 1}) == {}
        assert vars(lane)["_permitted_from"] - asyncio.get_running_loop().time() <= MOST_SECONDS


async def account_of(service: Service, partner: str, server: Scripted) -> tuple[str, dict[str, Any]]:
    """(id, fields) of a new account that may send three messages in a day."""
    fields: dict[str, Any] = {
        "name": "Shop",
        "from_address": "shop@kettle.example.com",
        "host": "127.0.0.1",
        "port": server.port,
    }
    fields |= {"tls": "none", "is_default": True, "per_day": 3}
    made = await service.http.post("/accounts", json=fields, headers=service.tokens.headers(partner))
    return made.json()["id"], fields


async def test_what_a_day_does_not_allow_waits_and_says_so(platform: Platform) -> None:
    """B9, B10: until midnight, or until somebody allows more."""
    outbox = await platform.service("outbox")
    async with listening(Scripted()) as server:
        partner = unique("prt")
        account, fields = await account_of(outbox, partner, server)
        headers = outbox.tokens.headers(partner)
        await request(outbox, *(message(partner, f"{unique('a').replace('_', '-')}@x.example") for _ in range(5)))
        await settled(outbox, partner, *["SENT"] * 3, *["WAITING"] * 2)
        midnight = next_day(datetime.now(UTC))
        for row in (one for one in await box(outbox, partner) if one["status"] == "WAITING"):
            assert (row["waiting_reason"], row["attempts"]) == ("allowance_used", 0)
            assert datetime.fromisoformat(row["next_attempt_at"]) == midnight
        [health] = (await outbox.http.get("/accounts/health", headers=headers)).json()
        assert datetime.fromisoformat(health["allowance_used_until"]) == midnight
        changed = await outbox.http.put(f"/accounts/{account}", json=fields | {"per_day": 5}, headers=headers)
        assert (changed.status_code, changed.json()["per_day"]) == (200, 5)
        await settled(outbox, partner, *["SENT"] * 5)
