"""What is deleted when new e-mail is sent, and what never is (B6)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.mongo import Document
from outbox import storage
from outbox.domain import Status
from outbox.storage import Store
from tests.support.databases import database
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform

SENT_AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


@pytest.fixture
async def store(platform: Platform) -> AsyncIterator[Store]:
    """The box in a database of its own."""
    async with database(platform, storage.INDEXES) as mongo:
        yield Store(mongo)


ages = st.one_of(
    st.sampled_from([-MOMENT, timedelta(0), MOMENT]),  # before and after the very end of the period
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
)
finished = st.tuples(st.sampled_from([Status.SENT, Status.ERROR]), ages)
unfinished = st.tuples(st.sampled_from([Status.WAITING, Status.SENDING]), st.none())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(finished | unfinished, max_size=12), st.integers(1, 365))
async def test_what_finished_before_the_period_goes_and_nothing_else(
    store: Store, messages: list[tuple[Status, timedelta | None]], keep_days: int
) -> None:
    """B6: to the millisecond; never what waits or is in flight, and never another partner's."""
    mine, other, keep = unique("prt"), unique("prt"), timedelta(days=keep_days)
    documents: list[Document] = []
    for partner in (mine, other):
        for number, (status, age) in enumerate(messages):
            executed_at = None if age is None else SENT_AT - keep - age
            requested_at = (executed_at or SENT_AT) - timedelta(days=1)
            documents.append(
                {
                    "_id": f"{partner}-{number}",
                    "partner_id": partner,
                    "status": status,
                    "requested_at": requested_at,
                    "executed_at": executed_at,
                }
            )
    if documents:
        await store.messages.of_all_partners.insert_many(documents)
    while await store.prune(mine, SENT_AT - keep):
        pass
    for partner in (mine, other):
        left = {one["_id"] async for one in store.messages.of(partner).find({})}
        assert left == {
            f"{partner}-{number}"
            for number, (status, age) in enumerate(messages)
            if partner == other or status in (Status.WAITING, Status.SENDING) or age is None or age <= timedelta(0)
        }


async def test_what_is_resent_while_it_would_be_pruned_stays(store: Store) -> None:
    """B6, B4: of each message, either the one or the other happens."""
    for _ in range(10):
        partner, old = unique("prt"), SENT_AT - timedelta(days=8)
        ids = [f"{partner}-{number}" for number in range(100)]
        common: Document = {"partner_id": partner, "account_id": "acc_1", "requested_at": old, "executed_at": old}
        await store.messages.of_all_partners.insert_many([common | {"_id": one, "status": Status.ERROR} for one in ids])
        pruning = asyncio.create_task(store.prune(partner, SENT_AT - timedelta(days=7)))
        answers = await asyncio.gather(*(store.resend(partner, one, SENT_AT) for one in ids))
        await pruning
        resent = {one["_id"] for one in answers if one is not None}
        assert {one["_id"] async for one in store.messages.of(partner).find({})} == resent


async def test_what_is_old_goes_only_when_new_mail_is_sent(platform: Platform, mail: MailServer) -> None:
    """B6: not by a clock; never what waits, or is younger than seven days."""
    outbox = await platform.service("outbox", instance="pruning", PRUNE_LOOK_SECONDS="0.05")
    old = datetime.now(UTC) - timedelta(days=8)
    silent, active = unique("prt"), unique("prt")
    for partner in (silent, active):
        await sender_account(outbox, mail, partner=partner)
        await request(outbox, message(partner, "a@x.example"), message(partner, "b@x.example"))
        await settled(outbox, partner, "SENT", "SENT")
    # The sendings above are over; from here on only the active partner sends.
    await eventually(lambda: all(f'"{one}"' in outbox.log_text() for one in (silent, active)))
    messages = outbox.database["messages"]
    of_both = {"partner_id": {"$in": [silent, active]}}
    await messages.update_many(of_both, {"$set": {"requested_at": old, "executed_at": old}})
    template = await messages.find_one({"partner_id": active})
    assert template is not None
    young = datetime.now(UTC) - timedelta(days=7) + timedelta(minutes=5)
    far = datetime.now(UTC) + timedelta(days=1)
    kept: list[Document] = [
        template | {"_id": unique("young"), "executed_at": young},
        template | {"_id": unique("waiting"), "status": "WAITING", "due_at": far, "executed_at": None},
    ]
    await messages.insert_many(kept)
    fresh = message(active, "new@x.example")
    await request(outbox, fresh)
    staying = {fresh.message_id, *(one["_id"] for one in kept)}

    async def pruned() -> bool:
        return {one["id"] for one in await box(outbox, active)} == staying

    await eventually(pruned)
    assert len(await box(outbox, silent)) == 2


async def test_what_was_deleted_is_not_sent_again_when_it_is_asked_for_again(
    platform: Platform, mail: MailServer
) -> None:
    """F6, B3, B6: its request stays in the topic for longer, and an operator may set the group back."""
    outbox = await platform.service("outbox", instance="pruning", PRUNE_LOOK_SECONDS="0.05")
    partner, _ = await sender_account(outbox, mail)
    headers, to = outbox.tokens.headers(partner), f"{unique('ann')}@x.example"
    pruned, deleted, last = (message(partner, to) for _ in range(3))
    await request(outbox, pruned, deleted)
    await settled(outbox, partner, "SENT", "SENT")

    async def is_deleted() -> bool:  # 409 until it is announced
        return (await outbox.http.delete(f"/messages/{deleted.message_id}", headers=headers)).status_code == 204

    await eventually(is_deleted)
    long_ago = {"$set": {"executed_at": datetime.now(UTC) - timedelta(days=8)}}
    await outbox.database["messages"].update_one({"_id": pruned.message_id}, long_ago)
    await request(outbox, last)

    async def is_alone() -> bool:
        return [one["id"] for one in await box(outbox, partner)] == [last.message_id]

    await eventually(is_alone)
    end = message(partner, to)
    await request(outbox, pruned, deleted, end)
    await settled(outbox, partner, "SENT", "SENT")
    assert {one["id"] for one in await box(outbox, partner)} == {last.message_id, end.message_id}
    assert len(mail.to(to)) == 4


async def test_what_was_deleted_long_ago_is_forgotten_in_batches(store: Store) -> None:
    """And what was deleted since is not."""
    partner, ids = unique("prt"), [unique("msg") for _ in range(storage.PRUNE_BATCH + 2)]
    for one in ids:
        await store.delete(partner, one, 0)
    last = {"$set": {"at": SENT_AT}}
    await store.deleted.of_all_partners.update_many({"_id": {"$ne": ids[0]}}, last)
    assert await store.deleted_of_all_partners(ids) == set(ids)
    before = SENT_AT + MOMENT
    assert [await store.forget_deleted_of_all_partners(before) for _ in range(3)] == [storage.PRUNE_BATCH, 1, 0]
    assert await store.deleted_of_all_partners(ids) == {ids[0]}


async def test_a_partner_chooses_how_long_messages_are_kept(platform: Platform, mail: MailServer) -> None:
    """B6: between named limits; what it chooses deletes nothing by itself."""
    outbox = await platform.service("outbox", instance="pruning", PRUNE_LOOK_SECONDS="0.05")
    partner, _ = await sender_account(outbox, mail)
    headers = outbox.tokens.headers(partner)
    assert (await outbox.http.get("/settings", headers=headers)).json() == {"keep_days": 7}
    for days in (0, 366, -1, 1.5):
        refused = await outbox.http.put("/settings", json={"keep_days": days}, headers=headers)
        assert refused.status_code == 422, days
    first = message(partner, "a@x.example")
    await request(outbox, first)
    await settled(outbox, partner, "SENT")
    await eventually(lambda: f'"{partner}"' in outbox.log_text())
    ten_days_ago = {"$set": {"executed_at": datetime.now(UTC) - timedelta(days=10)}}
    await outbox.database["messages"].update_one({"_id": first.message_id}, ten_days_ago)
    for days, left in ((11, 2), (2, 2)):
        answer = await outbox.http.put("/settings", json={"keep_days": days}, headers=headers)
        assert answer.json() == {"keep_days": days}
        await request(outbox, message(partner, "b@x.example"))
        pruned = outbox.log_text().count(f'"{partner}"') + 1

        async def is_over(most: int = pruned, rows: int = left) -> bool:
            return outbox.log_text().count(f'"{partner}"') >= most and len(await box(outbox, partner)) == rows

        await eventually(is_over)
    assert (await outbox.http.put("/settings", json={"keep_days": None}, headers=headers)).json() == {"keep_days": 7}


async def test_pruning_races_with_resending_and_delivery(platform: Platform, mail: MailServer) -> None:
    """B6, B4: what was resent in time stays and is sent once; what was pruned before is unknown, and is not sent."""
    outbox = await platform.service("outbox", instance="pruning", PRUNE_LOOK_SECONDS="0.05")
    partner, _ = await sender_account(outbox, mail)
    headers = outbox.tokens.headers(partner)
    names = [f"{unique('raced').replace('_', '-')}@x.example" for _ in range(120)]
    for to in names:
        mail.answer(to, ["550 5.1.1 no such mailbox"])
    wanted = {to: message(partner, to) for to in names}
    await request(outbox, *wanted.values())

    async def all_failed() -> bool:
        counts = await outbox.http.get("/messages/counts", headers=headers)
        return counts.json()["ERROR"] == len(names)

    await eventually(all_failed, timeout=30)
    old = {"$set": {"executed_at": datetime.now(UTC) - timedelta(days=8)}}
    await outbox.database["messages"].update_many({"partner_id": partner}, old)

    async def resend(to: str) -> int:
        url = f"/messages/{wanted[to].message_id}/resend"
        return (await outbox.http.post(url, headers=headers)).status_code

    codes = dict.fromkeys(names, 0)
    # The first to be delivered makes the rest prunable while they are being resent.
    for start in range(0, len(names), 10):
        part = names[start : start + 10]
        codes |= dict(zip(part, await asyncio.gather(*map(resend, part)), strict=True))
    assert set(codes.values()) <= {200, 404}
    kept = {wanted[to].message_id: "SENT" for to, code in codes.items() if code == 200}

    async def is_settled() -> bool:
        return {one["id"]: one["status"] for one in await box(outbox, partner, limit=200)} == kept

    await eventually(is_settled, timeout=30)
    assert {to: len(mail.to(to)) for to in names} == {to: int(code == 200) for to, code in codes.items()}
