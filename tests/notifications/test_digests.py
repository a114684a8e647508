"""One e-mail about many events: complete, in order, whatever is killed (A6)."""

import asyncio
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from common.events import MessageRequested, MessageSent, OrderCreated
from common.mongo import Mongo
from notifications.digests.handlers import digest_of
from notifications.digests.storage import INDEXES, Collected
from notifications.documents import decision_document, decision_of
from tests.notifications.steps import asked, became_of, failed, knows, listed
from tests.support.databases import database
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, sender_account
from tests.support.partners import announce_partner, announce_person
from tests.support.plans import plans_of
from tests.support.platform import Platform, Service

KIND = "order.created"


async def collects(service: Service, partner: str, seconds: float) -> None:
    """Ask for digests as users do, and then shorten the period, which is minutes at the least."""
    url, headers = f"/settings/{KIND}/digest", service.tokens.headers(partner)
    answer = await service.http.put(url, json={"minutes": 15}, headers=headers)
    assert answer.json()["digest_minutes"] == 15, answer.text
    query = {"_id": f"{partner}/{KIND}"}
    await service.database["settings"].update_one(query, {"$set": {"digest_minutes": seconds / 60}})


def orders_in(message: MessageRequested) -> list[str]:
    """The numbers of the orders that a digest lists, from the top."""
    return re.findall(r"^\* New order (\S+)", message.content.text, re.MULTILINE)


async def test_a_digest_lists_every_order_of_the_period_by_their_time(platform: Platform) -> None:
    """A6, A9: one mail, and the event tells in which."""
    service, io = await platform.service("notifications"), platform.io
    partner, ids = await announce_partner(io), [unique("e") for _ in range(3)]
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    await collects(service, partner, seconds=3)
    for number, event_id in enumerate(ids):
        await io.publish(OrderCreated(partner_id=partner, order_number=f"O-{number}"), event_id=event_id)

    async def all_collected() -> bool:
        found = [await became_of(service, partner, event_id) for event_id in ids]
        return all(one["status"] == "decided" and one["digest_due_at"] for one in found)

    await eventually(all_collected)
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    told = event.data
    assert (told.recipient.address, told.recipient.reasons) == (mia.email, ["holds the role manager"])
    assert told.content.subject == "New order (3)"
    assert orders_in(told) == told.order_numbers == ["O-0", "O-1", "O-2"]

    async def says_in_which() -> bool:
        found = [await became_of(service, partner, event_id) for event_id in ids]
        return all(one["recipients"][0]["message_id"] == told.message_id for one in found)

    await eventually(says_in_which)
    [digest] = (await asked(service, partner, told.event.id, told.event.source)).json()["kinds"]
    assert [one["id"] for one in digest["collected"]] == ids


async def test_each_address_is_told_of_its_own_events_and_a_repeated_event_is_not_told_again(
    platform: Platform,
) -> None:
    """A6, A7: recipients changed in between."""
    service, io = await platform.service("notifications"), platform.io
    partner, first = await announce_partner(io), unique("e")
    ann = await announce_person(io, partner, "manager")
    bob = await announce_person(io, partner, "manager")
    await knows(service, partner, ann.email, bob.email)
    await collects(service, partner, seconds=3)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=first)

    async def decided() -> bool:
        return (await became_of(service, partner, first)).get("status") == "decided"

    await eventually(decided)
    await announce_person(io, partner, person_id=bob.person_id, version=2)
    await knows(service, partner, ann.email)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-2"), event_id=unique("e"))
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=first)
    requested = io.follow(MessageRequested)
    found = await requested.wait_for(lambda e: e.data.partner_id == partner, count=2)
    lists = {event.data.recipient.address: orders_in(event.data) for event in found}
    assert lists == {ann.email: ["O-1", "O-2"], bob.email: ["O-1"]}
    assert lists == {event.data.recipient.address: event.data.order_numbers for event in found}
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=first)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-3"), event_id=unique("e"))
    found = await requested.wait_for(lambda e: e.data.partner_id == partner, count=3)
    assert orders_in(found[2].data) == ["O-3"]


async def test_a_digest_that_cannot_be_made_holds_up_no_other(platform: Platform) -> None:
    """A6, F6: for instance because a document of it is broken; the one of another partner that is due later leaves, and
    the broken one does once it is mended."""
    service = await platform.service("notifications", instance="broken-digest")
    io = service.io
    partners = [await announce_partner(io) for _ in range(2)]
    for partner in partners:
        mia = await announce_person(io, partner, "manager")
        await knows(service, partner, mia.email)
        await collects(service, partner, seconds=600)
        event_id = unique("e")
        await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=event_id)
        await eventually(partial(_is_collected, service, partner, event_id))
    decisions, broken = service.database["decisions"], {"partner_id": partners[0]}
    [addressed] = (await decisions.find_one(broken) or {})["to"]
    assert (await decisions.update_one(broken, {"$unset": {"to.0.reasons": ""}})).modified_count == 1
    for partner in partners:
        await decisions.update_one({"partner_id": partner}, {"$set": {"digest.until": datetime.now(UTC)}})
    requested = io.follow(MessageRequested)
    await requested.wait_for(lambda e: e.data.partner_id == partners[1])
    await eventually(lambda: '"item_failed"' in service.log_text())
    await decisions.update_one(broken, {"$set": {"to": [addressed], "digest.until": datetime.now(UTC)}})
    await requested.wait_for(lambda e: e.data.partner_id == partners[0])


async def test_a_clock_that_was_days_ahead_holds_up_no_digest(platform: Platform) -> None:
    """A6: neither by when what it collected is due, nor by when it began one and died."""
    service = await platform.service("notifications", instance="digest-ahead")
    io, ahead = service.io, datetime.now(UTC) + timedelta(days=3)
    partner, event_id = await announce_partner(io), unique("e")
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    await collects(service, partner, seconds=600)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=event_id)
    await eventually(partial(_is_collected, service, partner, event_id))
    decisions = service.database["decisions"]
    collected = await decisions.find_one({"partner_id": partner})
    assert collected is not None
    made = digest_of([decision_of(collected)], 0, ahead)
    await decisions.insert_one(decision_document(made))
    await decisions.update_one({"_id": collected["_id"]}, {"$set": {"digest.until": ahead}})
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert orders_in(event.data) == ["O-1"]


async def _is_collected(service: Service, partner: str, event_id: str) -> bool:
    return (await became_of(service, partner, event_id)).get("status") == "decided"


async def test_an_sms_is_not_collected(platform: Platform) -> None:
    """A6: a digest is one e-mail."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    mia = await announce_person(io, partner, "manager")
    with_phone = mia.model_copy(update={"version": 2, "phone": "+48600100200"})
    await io.publish(with_phone, event_id=unique("e"), source="/contacts")
    await knows(service, partner, mia.email)
    entry = {"role": "manager", "channels": ["sms", "email"]}
    headers = platform.tokens.headers(partner)

    async def by_both() -> bool:
        await service.http.put(f"/settings/{KIND}", json={"recipients": [entry]}, headers=headers)
        dry = await service.http.post(f"/kinds/{KIND}/dry-run", json={"order_number": "1"}, headers=headers)
        return len(dry.json()["recipients"]) == 2

    await eventually(by_both)
    await collects(service, partner, seconds=2)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=unique("e"))
    found = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert [event.data.channel for event in found] == ["sms", "email"]
    assert found[0].data.content.text.startswith("Order O-1")


async def test_a_digest_that_failed_is_told_to_the_next_in_the_chain(platform: Platform) -> None:
    """A6, A8: with all that was in it."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    await listed(service, partner, KIND, {"email": "ann@x.example.com"})
    await knows(service, partner, "ann@x.example.com")
    await collects(service, partner, seconds=1)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=unique("e"))
    requested = io.follow(MessageRequested)
    [event] = await requested.wait_for(lambda e: e.data.partner_id == partner)
    await io.publish(failed(event.data), event_id=unique("e"), source="/outbox")
    _, escalated = await requested.wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert escalated.data.escalation
    assert escalated.data.escalation.of_message_id == event.data.message_id
    assert "ann@x.example.com" in escalated.data.content.text
    assert "O-1" in escalated.data.content.text
    assert escalated.data.order_numbers == ["O-1"]


async def test_who_wants_no_digests_any_more_gets_what_is_collected_at_once(platform: Platform) -> None:
    """A6: in one last digest; the next event has an e-mail of its own."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    await collects(service, partner, seconds=3_600)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-1"), event_id=event_id)

    async def collected() -> bool:
        return bool((await became_of(service, partner, event_id)).get("digest_due_at"))

    await eventually(collected)
    url, headers = f"/settings/{KIND}/digest", platform.tokens.headers(partner)
    assert (await service.http.delete(url, headers=headers)).status_code == 204
    requested = io.follow(MessageRequested)
    await requested.wait_for(lambda e: e.data.partner_id == partner)
    await io.publish(OrderCreated(partner_id=partner, order_number="O-2"), event_id=unique("e"))
    digest, single = await requested.wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert (digest.data.order_numbers, single.data.order_number) == (["O-1"], "O-2")


async def test_a_digest_is_in_the_log_of_each_of_its_orders(platform: Platform, mail: MailServer) -> None:
    """A6, B8: over HTTP, in the box's filter and file, and for those who follow `message.sent`; of no other order."""
    service, outbox = await platform.service("notifications"), await platform.service("outbox")
    partner, io = await announce_partner(platform.io), platform.io
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    await sender_account(outbox, mail, partner=partner)
    await collects(service, partner, seconds=2)
    orders = [OrderCreated(partner_id=partner, order_number=number) for number in ("PL/1", "PL/2")]
    await io.publish_many([(unique("e"), order) for order in orders])
    [sent] = await io.follow(MessageSent).wait_for(lambda e: e.data.partner_id == partner)
    assert (sent.data.order_number, sorted(sent.data.order_numbers)) == (None, ["PL/1", "PL/2"])
    headers = platform.tokens.headers(partner)
    for order in orders:
        log = (await outbox.http.get(f"/orders/{order.order_number}/messages", headers=headers)).json()["items"]
        assert [(one["id"], one["status"], one["order_numbers"]) for one in log] == [
            (sent.data.message_id, "SENT", sent.data.order_numbers)
        ]
        assert [one["id"] for one in await box(outbox, partner, order_number=order.order_number)] == [log[0]["id"]]
    assert await box(outbox, partner, order_number="PL/3") == []
    file = (await outbox.http.get("/messages.csv", headers=headers)).text
    assert "; ".join(sent.data.order_numbers) in file


@pytest.mark.parametrize("minutes", [4, 1441, 1.5])
async def test_a_period_is_between_five_minutes_and_a_day(platform: Platform, minutes: float) -> None:
    """A6: and it can be given up."""
    service = await platform.service("notifications")
    url, headers = f"/settings/{KIND}/digest", platform.tokens.headers(unique("prt"))
    assert (await service.http.put(url, json={"minutes": minutes}, headers=headers)).status_code == 422
    assert (await service.http.put(url, json={"minutes": 5}, headers=headers)).json()["digest_minutes"] == 5
    assert (await service.http.delete(url, headers=headers)).status_code == 204
    assert (await service.http.get(f"/settings/{KIND}", headers=headers)).json()["digest_minutes"] is None


async def test_digests_are_complete_and_in_order_though_both_replicas_are_killed_again_and_again(
    platform: Platform,
) -> None:
    """A6, F6: each of 400 orders stands in one message, once; what was published first stands first."""
    apart = await platform.apart(unique("digests"))
    one = await apart.service("notifications", DIGEST_LOOK_SECONDS="0.05")
    other = await apart.replica(one)
    partner = await announce_partner(apart.io)
    mia = await announce_person(apart.io, partner, "manager")
    await knows(one, partner, mia.email)
    await collects(one, partner, seconds=0.3)
    numbers = [f"O-{i:03}" for i in range(400)]
    requested = apart.io.follow(MessageRequested)

    async def publish() -> None:
        for i in range(0, len(numbers), 10):
            batch = numbers[i : i + 10]
            await apart.io.publish_many([(n, OrderCreated(partner_id=partner, order_number=n)) for n in batch])
            seen = len(requested.events)
            if i % 40 == 0:  # at the pace of digests, so that kills meet all their stages
                await eventually(lambda seen=seen: len(requested.events) > seen, timeout=30)

    async def kill(service: Service) -> None:
        for kills in range(1, 6):
            await eventually(lambda at=kills: len(requested.events) >= 2 * at, timeout=60)
            service.kill()
            await service.start()

    await asyncio.gather(publish(), kill(one), kill(other))

    def told() -> dict[str, MessageRequested]:
        return {event.data.message_id: event.data for event in requested.events}

    def in_order() -> list[str]:
        messages = sorted(told().values(), key=lambda message: message.event.time)
        return [number for message in messages for number in orders_in(message)]

    await eventually(lambda: len(in_order()) >= len(numbers), timeout=60)
    assert [number for number, count in Counter(in_order()).items() if count > 1] == []
    assert in_order() == numbers
    assert len(told()) > 5


async def test_nothing_of_digests_scans_a_collection(platform: Platform) -> None:
    """House rule 6: neither what is due, nor what is collected of one."""

    async def ask(mongo: Mongo) -> None:
        collected = Collected(mongo)
        await collected.due_of_all_partners(datetime.now(UTC), 100)
        await collected.pending("prt_1", KIND, 100)

    async with database(platform, INDEXES) as mongo:
        plans = await plans_of(mongo, ask)
    assert len(plans) == 2
    assert not any("COLLSCAN" in plan or "SORT " in plan for plan in plans), plans
