"""What a partner is told about an event: whom it reached, why, and with what success (A9)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.auth import STAFF_ONLY
from common.dead_letters import storage as dead_letters
from common.events import MessageRequested, MessageSent, OrderCreated
from common.mongo import Mongo
from notifications import storage
from notifications.outcomes import storage as outcomes
from notifications.outcomes.domain import MessageStatus, Outcome
from tests.notifications.steps import asked, became_of, consumed, failed, knows, listed, sent, waits
from tests.support.databases import database
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person
from tests.support.plans import plans_of
from tests.support.platform import Platform, Service

ORDERS = "order.created"


async def ordered(service: Service, partner: str, event_id: str, count: int = 1) -> list[MessageRequested]:
    """The messages that an order of the partner was resolved to."""
    await service.io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=event_id)
    followed = service.io.follow(MessageRequested)
    return [e.data for e in await followed.wait_for(lambda e: e.data.event.id == event_id, count)]


async def stand(service: Service, partner: str, event_id: str, *expected: tuple[str, str]) -> list[dict[str, Any]]:
    """The recipients of an event, once this is (address, status) of each."""

    async def so() -> list[dict[str, Any]]:
        found = (await became_of(service, partner, event_id))["recipients"]
        return found if [(one["address"], one["status"]) for one in found] == list(expected) else []

    return await eventually(so)


async def test_each_message_of_an_event_says_what_became_of_it(platform: Platform) -> None:
    """A9: WAITING, then SENT or ERROR with the provider's words; whoever stands in likewise."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    mia = await announce_person(io, partner, "manager")
    good, bad = "good@x.example.com", "bad@x.example.com"
    await listed(service, partner, ORDERS, {"email": good}, {"email": bad})
    await knows(service, partner, good, bad)
    first, second = sorted(await ordered(service, partner, event_id, 2), key=lambda one: one.recipient.address)
    waiting = await stand(service, partner, event_id, (good, "WAITING"), (bad, "WAITING"))
    assert {(one["executed_at"], one["reply"]) for one in waiting} == {(None, "")}
    await io.publish(sent(second, "250 queued"), event_id=unique("f"), source="/outbox")
    await io.publish(failed(first, "550 gone"), event_id=unique("f"), source="/outbox")
    done = await stand(service, partner, event_id, (good, "SENT"), (bad, "ERROR"))
    assert [one["reply"] for one in done] == ["250 queued", "550 gone"]
    assert {datetime.fromisoformat(one["executed_at"]) for one in done} == {whole_ms(first.event.time)}
    [_, _, told] = await io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == event_id, 3)
    await io.publish(sent(told.data), event_id=unique("f"), source="/outbox")

    async def escalated() -> list[Any]:
        [one] = (await became_of(service, partner, event_id))["escalations"]
        found = [(to["address"], to["status"]) for to in one["to"]]
        return [one["of_message_id"], found] if found == [(mia.email, "SENT")] else []

    assert (await eventually(escalated))[0] == first.message_id


def whole_ms(time: datetime) -> datetime:
    """As the database keeps it."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


async def test_a_message_that_was_deleted_before_it_left_has_no_outcome(platform: Platform) -> None:
    """A9, B3: that the outbox does not have it any more is for the outbox to say."""
    service, outbox = await platform.service("notifications"), await platform.service("outbox")
    partner, event_id = await announce_partner(service.io), unique("e")
    owner = f"owner@{partner.replace('_', '-')}.example"
    await knows(service, partner, owner)
    [message] = await ordered(service, partner, event_id)
    url, headers = f"/messages/{message.message_id}", service.tokens.headers(partner)

    async def deleted() -> bool:
        return (await outbox.http.delete(url, headers=headers)).status_code == 204

    await eventually(deleted)
    [told] = await stand(service, partner, event_id, (owner, "WAITING"))
    assert (told["message_id"], told["executed_at"], told["reply"]) == (message.message_id, None, "")
    assert (await outbox.http.get(url, headers=headers)).status_code == 404


async def test_what_ended_last_counts_whatever_is_read_first(platform: Platform) -> None:
    """A9, F6: two topics have no order; a message that failed may be sent again, and records are repeated."""
    service = await platform.service("notifications", instance="outcomes")
    io, partner = service.io, await announce_partner(service.io)
    owner = f"owner@{partner.replace('_', '-')}.example"
    await knows(service, partner, owner)
    [message] = await ordered(service, partner, "e")
    await io.publish(sent(message, "250 later", after=2), event_id="2", source="/outbox")
    await stand(service, partner, "e", (owner, "SENT"))
    for _ in range(2):
        await io.publish(failed(message, "550 first", after=1), event_id="1", source="/outbox")
    await consumed(service, "message.failed", 2)
    assert (await stand(service, partner, "e", (owner, "SENT")))[0]["reply"] == "250 later"
    again = [(f"{after}", sent(message, f"250 {after}", after=after)) for after in (8, 9, 8)]
    await io.publish_many([*again], source="/outbox")
    await consumed(service, MessageSent.TOPIC, 4)
    assert (await stand(service, partner, "e", (owner, "SENT")))[0]["reply"] == "250 9"
    assert await service.database["outcomes"].count_documents({}) == 1


async def test_an_event_that_is_told_as_two_kinds_is_answered_for_each(platform: Platform) -> None:
    """A6, A9: muted as one, told as the other."""
    service = await platform.service("notifications", instance="two-kinds")
    partner = await announce_partner(service.io)
    owner = f"owner@{partner.replace('_', '-')}.example"
    await knows(service, partner, owner)
    staff = service.tokens.headers("platform", *STAFF_ONLY)
    kind = (await service.http.get(f"/kinds/{ORDERS}", headers=staff)).json()
    body = {name: value for name, value in kind.items() if name not in ("id", "version")}
    assert (await service.http.put("/kinds/order.audited", json=body, headers=staff)).status_code == 201
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    url = "/settings/order.audited/mute"
    muted = await service.http.put(url, json={"until": until}, headers=service.tokens.headers(partner))
    assert muted.status_code == 200, muted.text

    async def both() -> Any:
        await ordered(service, partner, event_id := unique("e"))
        found = (await asked(service, partner, event_id)).json()["kinds"]
        return found if len(found) == 2 else []

    first, second = await eventually(both)
    assert (first["kind"], first["status"], first["recipients"]) == ("order.audited", "muted", [])
    assert (second["kind"], second["status"]) == (ORDERS, "decided")
    assert [one["address"] for one in second["recipients"]] == [owner]


async def test_an_event_that_waits_says_until_when_and_then_why_it_is_set_aside(platform: Platform) -> None:
    """A9, F6: to its own partner only."""
    service = await platform.service("notifications", instance="aside", WAIT_SECONDS="3", WAIT_LOOK_SECONDS="0.1")
    partner, other = unique("prt"), unique("prt")
    before = datetime.now(UTC)
    await service.io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id="late")
    await waits(service, partner, "late")
    [found] = (await asked(service, partner, "late")).json()["kinds"]
    assert before < datetime.fromisoformat(found["waits_until"]) < datetime.now(UTC) + timedelta(seconds=3)
    assert found["kind"] == ORDERS

    async def aside() -> dict[str, Any] | None:
        return (await asked(service, partner, "late")).json().get("dead_letter")

    late = {"reason": "unknown_partner", "detail": "the partner did not become known in time"}
    assert await eventually(aside) == late
    assert (await asked(service, partner, "late")).json()["kinds"] == []
    assert (await asked(service, other, "late")).status_code == 404


async def test_an_event_that_breaks_its_contract_says_where_while_its_dead_letter_is_open(platform: Platform) -> None:
    """A9, F6: without its contents."""
    service, partner = await platform.service("notifications", instance="aside"), unique("prt")
    attributes = {"specversion": "1.0", "source": "/test", "id": "bad", "type": ORDERS}
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
    await service.io.publish_raw(ORDERS, key=partner.encode(), value=b'{"order_number": "secret?"}', headers=headers)

    async def aside() -> dict[str, Any] | None:
        return (await asked(service, partner, "bad")).json().get("dead_letter")

    found: Any = await eventually(aside)
    assert found["reason"] == "breaks_contract"
    assert "partner_id: missing" in found["detail"]
    assert "secret" not in found["detail"]
    staff = service.tokens.headers("platform", *STAFF_ONLY)
    [letter] = (await service.http.get("/dead-letters?reason=breaks_contract", headers=staff)).json()["items"]
    url = f"/dead-letters/{letter['id']}/discard"
    assert (await service.http.post(url, json={"note": "theirs"}, headers=staff)).status_code == 200
    assert (await asked(service, partner, "bad")).status_code == 404


async def test_what_is_older_than_it_is_kept_is_forgotten_batch_by_batch(platform: Platform) -> None:
    """A9: decisions and outcomes alike; what is younger stays."""
    service = await platform.service("notifications", instance="old", EVENTS_KEPT_DAYS="30")
    partner = await announce_partner(service.io)
    owner = f"owner@{partner.replace('_', '-')}.example"
    await knows(service, partner, owner)
    [message] = await ordered(service, partner, "young")
    await service.io.publish(sent(message), event_id="f", source="/outbox")
    await stand(service, partner, "young", (owner, "SENT"))
    decisions, kept = service.database["decisions"], service.database["outcomes"]
    [decision], [outcome] = await decisions.find().to_list(), await kept.find().to_list()
    old, count = datetime.now(UTC) - timedelta(days=30, minutes=1), 2 * outcomes.FORGET_BATCH + 1
    aged = [decision | {"_id": f"old-{i}", "event_id": f"old-{i}", "consumed_at": old} for i in range(count)]
    await decisions.insert_many(aged)
    await kept.insert_many([outcome | {"_id": f"old-{i}", "at": old} for i in range(count)])
    assert (await asked(service, partner, "old-0")).status_code == 200
    await service.stop()
    await service.start()

    async def only_the_young() -> bool:
        return [await one.count_documents({}) for one in (decisions, kept)] == [1, 1]

    await eventually(only_the_young)
    assert (await asked(service, partner, "old-0")).status_code == 404
    await stand(service, partner, "young", (owner, "SENT"))


@pytest.fixture
async def mongo(platform: Platform) -> AsyncIterator[Mongo]:
    """A database with the indexes of notifications, and nothing else in it."""
    async with database(platform, [*storage.INDEXES, *outcomes.INDEXES, *dead_letters.INDEXES]) as mongo:
        yield mongo


async def test_nothing_of_it_scans_a_collection(mongo: Mongo) -> None:
    """House rule 6: neither what is asked, nor what forgets."""

    async def ask(mongo: Mongo) -> None:
        store, kept = storage.Store(mongo), outcomes.Outcomes(mongo)
        await dead_letters.DeadLetterStore(mongo).open_dead_letter_of("/s", "e", "prt_1")
        await store.waiting_about("prt_1", "/s", "e")
        await store.decisions_about("prt_1", "/s", "e")
        await kept.of_messages("prt_1", ["m"])
        await kept.keep([Outcome("m", "prt_1", MessageStatus.SENT, datetime.now(UTC), "")])
        await kept.forget(datetime.now(UTC))

    plans = await plans_of(mongo, ask)
    assert len(plans) == 7
    assert all("IXSCAN" in plan or "IDHACK" in plan for plan in plans), plans
    assert not any("COLLSCAN" in plan or "SORT" in plan for plan in plans), plans
