"""What the box asks the database, and what it finds (B1, B2, B5, B9)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.mongo import Mongo
from outbox import search, storage
from outbox.domain import Status
from outbox.main import INDEXES
from outbox.stops.storage import StopStore
from outbox.storage import Filter, Store
from tests.support.databases import database
from tests.support.eventually import unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.plans import plans_of
from tests.support.platform import Platform

NOW = datetime(2026, 11, 23, tzinfo=UTC)
AFTER = (NOW, "msg_1")
NARROWED: dict[str, Any] = {
    "channel": "sms",
    "status": Status.ERROR,
    "recipient": "zofia",
    "order_number": "A-1",
    "since": NOW - timedelta(days=1),
    "until": NOW,
    "by": "executed_at",
}
FILTERS = [
    {name: NARROWED[name] for name in chosen} for count in range(4) for chosen in combinations(NARROWED, count)
] + [NARROWED]


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    """A database with the indexes of the outbox, and nothing else in it."""
    async with database(platform, INDEXES) as mongo:
        yield mongo


async def test_no_list_scans_the_collection_whatever_is_filtered(mongo: Mongo, platform: Platform) -> None:
    """B5: any combination of filters is served by an index, as is its next page; the whole box without sorting."""

    async def every_page(mongo: Mongo) -> None:
        for fields in FILTERS:
            for after in (None, AFTER):
                await Store(mongo).page("prt_1", Filter(**fields), after, 51)

    plans = await plans_of(mongo, every_page)
    assert len(plans) == 2 * len(FILTERS)
    for plan in plans:
        assert "IXSCAN" in plan, plan
        assert "COLLSCAN" not in plan, plan
    assert "SORT" not in plans[0] + plans[1]


async def test_a_recipient_that_hardly_any_of_many_messages_has_is_looked_for(mongo: Mongo) -> None:
    """B5: so few that the database finds none while it compares ways to look for them; no other is read."""
    words = {"rare": search.words("rare@x.example"), "often": search.words("often@x.example")}
    kept = [
        {"_id": f"msg_{i}", "partner_id": "prt_1", "requested_at": NOW, "recipient": {"words": words["often"]}}
        for i in range(11_000)
    ]
    kept[0]["recipient"] = {"words": words["rare"]}
    await mongo.database["messages"].insert_many(kept, ordered=False)
    for typed, found in (("rare@", ["msg_0"]), ("nobody", [])):
        page = await Store(mongo).page("prt_1", Filter(recipient=typed), None, 51)
        assert [one["_id"] for one in page] == found
        asked = {"partner_id": "prt_1", **Filter(recipient=typed).query(None)}
        explained = await mongo.database["messages"].find(asked).explain()
        assert explained["executionStats"]["totalDocsExamined"] == len(found)


OTHER_QUERIES: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "one message": lambda store: store.message("prt_1", "msg_1"),
    "counts": lambda store: store.counts("prt_1"),
    "what is pruned": lambda store: store.prune("prt_1", NOW),
    "accounts": lambda store: store.accounts_with_health("prt_1"),
    "accounts of a page": lambda store: store.accounts_by_id("prt_1", ["acc_1"]),
}


async def test_stopped_accounts_are_found_by_their_index(mongo: Mongo, platform: Platform) -> None:
    """B9, house rule 6: every process looks for them again and again."""
    for ask in (StopStore.untold, StopStore.how_many):
        [plan] = await plans_of(mongo, lambda mongo, ask=ask: ask(StopStore(mongo)))
        assert "IXSCAN" in plan, plan


@pytest.mark.parametrize("name", OTHER_QUERIES)
async def test_no_other_query_of_the_box_scans_or_sorts(mongo: Mongo, platform: Platform, name: str) -> None:
    """House rule 6."""
    plans = await plans_of(mongo, lambda mongo: OTHER_QUERIES[name](Store(mongo)))
    assert plans
    for plan in plans:
        assert "COLLSCAN" not in plan, plan
        assert "SORT" not in plan, plan


async def test_counting_reads_an_index_and_no_message(mongo: Mongo, platform: Platform) -> None:
    """B9: nothing is kept that a crash could make wrong, and nothing is read but the index."""
    plans = await plans_of(mongo, lambda mongo: Store(mongo).counts("prt_1"))
    assert len(plans) == len(Status)
    for plan in plans:
        assert "IXSCAN" in plan, plan
        assert "FETCH" not in plan, plan


async def test_times_are_by_request_or_by_execution(platform: Platform, mail: MailServer) -> None:
    """B5: either timestamp gives the range and the order, and its pages have no gaps."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    early, late = message(partner, "early@x.example"), message(partner, "late@x.example")
    await request(outbox, early, late)
    await settled(outbox, partner, "WAITING", "WAITING")
    at = datetime.now(UTC)
    moments = {early.message_id: (at - timedelta(days=2), at), late.message_id: (at - timedelta(days=1), None)}
    for message_id, (requested_at, executed_at) in moments.items():
        change = {"requested_at": requested_at, "executed_at": executed_at}
        await outbox.database["messages"].update_one({"_id": message_id}, {"$set": change})
    yesterday = (at - timedelta(days=1, hours=1)).isoformat()
    assert [one["id"] for one in await box(outbox, partner)] == [late.message_id, early.message_id]
    assert [one["id"] for one in await box(outbox, partner, since=yesterday)] == [late.message_id]
    executed = await box(outbox, partner, since=yesterday, by="executed_at")
    assert [one["id"] for one in executed] == [early.message_id]
    assert await box(outbox, partner, until=yesterday, by="executed_at") == []


async def test_pages_by_execution_have_no_gaps(platform: Platform) -> None:
    """B5: also where many ended in the same moment."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    wanted = [message(partner, f"ann{i}@x.example") for i in range(7)]
    await request(outbox, *wanted)
    await settled(outbox, partner, *["WAITING"] * 7)
    await outbox.database["messages"].update_many({"partner_id": partner}, {"$set": {"executed_at": NOW}})
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < 20:
        query = {"by": "executed_at", "limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = await outbox.http.get("/messages", params=query, headers=outbox.tokens.headers(partner))
        seen += [one["id"] for one in answer.json()["items"]]
        cursor = answer.json()["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(one.message_id for one in wanted)


async def test_a_row_says_who_sent_it_and_what_the_provider_called_it(platform: Platform, mail: MailServer) -> None:
    """B1, B2: as it was sent, though the account is another one or gone by now."""
    outbox = await platform.service("outbox")
    partner, account = await sender_account(outbox, mail)
    to = f"{unique('sender').replace('_', '-')}@x.example"
    wanted = message(partner, to)
    await request(outbox, wanted)
    [row] = await settled(outbox, partner, "SENT")
    assert (row["account_name"], row["from_address"], row["channel"]) == ("Shop", "shop@kettle.example.com", "email")
    headers = outbox.tokens.headers(partner)
    changed = {"name": "New", "from_address": "new@other.example.com", "host": "127.0.0.1", "port": mail.port}
    assert (await outbox.http.put(f"/accounts/{account}", json=changed, headers=headers)).status_code == 200
    [row] = await box(outbox, partner)
    assert (row["account_name"], row["from_address"]) == ("New", "shop@kettle.example.com")
    detail = (await outbox.http.get(f"/messages/{wanted.message_id}", headers=headers)).json()
    assert detail["provider_id"] == mail.to(to)[0].message_id
    assert (await outbox.http.delete(f"/accounts/{account}", headers=headers)).status_code == 204
    [row] = await box(outbox, partner)
    assert (row["account_name"], row["from_address"]) == (None, "shop@kettle.example.com")


async def test_a_recipient_is_found_by_a_part(platform: Platform) -> None:
    """B5: of an e-mail address from any word on, of a phone number from any digit on, however it is written."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    letter = message(partner, "Zofia.Nowak+shop@Kettle.example")
    sms = message(partner, "+48600100200", channel="sms")
    await request(outbox, letter, sms)
    await settled(outbox, partner, "WAITING", "WAITING")
    finds = {
        letter.message_id: ["zofia", "ZOFIA.NO", "nowak", "shop@", "@kettle", "kettle.example", "zofia.nowak+shop@k"],
        sms.message_id: ["+48600", "48 600", "600 100 200", "600-100", "200", "+48 600 100 200"],
    }
    for message_id, typed in finds.items():
        for part in typed:
            assert [one["id"] for one in await box(outbox, partner, recipient=part)] == [message_id], part
    for part in ("ofia", "kettle.zofia", "300", "@@", ".*", "(", "@"):
        assert await box(outbox, partner, recipient=part) == [], part
    headers = outbox.tokens.headers(partner)
    answer = await outbox.http.get("/messages", params={"recipient": "a\x00"}, headers=headers)
    assert answer.status_code == 422


@given(st.emails(), st.data())
def test_any_part_from_a_word_on_finds_an_address(address: str, data: st.DataObject) -> None:
    """B5: whatever letters an address has."""
    kept = search.words(address)
    whole = data.draw(st.sampled_from(kept))
    part = whole[: data.draw(st.integers(1, len(whole)))]
    wanted = search.condition(part)["$in"]
    assert any(pattern.try_compile().search(one) for pattern in wanted for one in kept), (part, kept)


@given(st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.data())
def test_any_three_digits_in_a_row_find_a_phone_number(number: str, data: st.DataObject) -> None:
    """B5."""
    kept = search.words(number)
    start = data.draw(st.integers(0, len(number) - 4))
    part = number[start : start + data.draw(st.integers(3, len(number)))]
    assert any(pattern.try_compile().search(one) for pattern in search.condition(part)["$in"] for one in kept), (
        part,
        kept,
    )


async def test_counts_stop_where_counting_would_take_long(mongo: Mongo) -> None:
    """B9: the highest count means "so many or more"."""
    most = storage.COUNTED_MOST
    await mongo.database["messages"].insert_many([{"partner_id": "prt_1", "status": "SENT"} for _ in range(most + 1)])
    assert await Store(mongo).counts("prt_1") == {"WAITING": 0, "SENDING": 0, "SENT": most, "ERROR": 0, "BOUNCED": 0}
