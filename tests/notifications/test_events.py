"""From an event to requested messages, through Kafka (A7–A9, F6)."""

import json
from typing import Any

from common.events import (
    CampaignLaunched,
    InvoiceIssued,
    MessageFailed,
    MessageRequested,
    OrderCreated,
)
from common.events.outbox import MessageFinished
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person, change_partner
from tests.support.platform import Platform, Service


async def knows(service: Service, partner: str, *addresses: str) -> None:
    """Wait until the service would tell these addresses of an order."""
    headers = service.tokens.headers(partner)

    async def told() -> bool:
        answer = await service.http.post("/kinds/order.created/dry-run", json={"order_number": "1"}, headers=headers)
        return answer.status_code == 200 and {one["address"] for one in answer.json()["recipients"]} == set(addresses)

    await eventually(told)


async def listed(service: Service, partner: str, kind: str, *entries: dict[str, str]) -> None:
    body = {"recipients": list(entries)}
    answer = await service.http.put(f"/settings/{kind}", json=body, headers=service.tokens.headers(partner))
    assert answer.status_code == 200, answer.text


async def test_an_order_reaches_whoever_holds_the_role_now(platform: Platform) -> None:
    """A6, A7: the manager by default; the message says what the dry run said."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io, language="pl")
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    sample = {"order_number": "PL-7"}
    dry = (
        await service.http.post("/kinds/order.created/dry-run", json=sample, headers=platform.tokens.headers(partner))
    ).json()
    await io.publish(OrderCreated(partner_id=partner, order_number="PL-7"), event_id=unique("e"))
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.recipient.address == mia.email == dry["recipients"][0]["address"]
    assert event.data.recipient.reasons == dry["recipients"][0]["reasons"] == ["holds the role manager"]
    assert event.data.content.subject == dry["content"]["subject"] == "Nowe zamówienie PL-7"
    assert event.data.order_number == "PL-7"


async def test_each_of_the_three_kinds_reaches_its_own_people(platform: Platform) -> None:
    """A7: a campaign reaches every partner it names, each once."""
    service, io = await platform.service("notifications"), platform.io
    one, two = await announce_partner(io), await announce_partner(io)
    people = {partner: await announce_person(io, partner, "manager", "finance") for partner in (one, two)}
    for partner in (one, two):
        await knows(service, partner, people[partner].email)
        await listed(service, partner, "invoice.issued", {"role": "finance"}, {"email": "books@other.example.com"})
    await io.publish(InvoiceIssued(partner_id=one, invoice_number="FV/1", order_number="O-1"), event_id=unique("e"))
    campaign = CampaignLaunched(campaign_id="bf", name="BF", partner_ids=[one, two, one])
    await io.publish(campaign, event_id=unique("e"))
    events = io.follow(MessageRequested)
    invoices = await events.wait_for(lambda e: e.data.partner_id == one and e.data.kind == "invoice.issued", count=2)
    assert {e.data.recipient.address for e in invoices} == {people[one].email, "books@other.example.com"}
    assert {e.data.order_number for e in invoices} == {"O-1"}
    campaigns = await events.wait_for(lambda e: e.data.partner_id in people and e.data.kind == campaign.TOPIC, count=2)
    assert {e.data.recipient.address for e in campaigns} == {person.email for person in people.values()}


async def test_a_repeated_event_reaches_nobody_new_though_roles_changed_meanwhile(platform: Platform) -> None:
    """F6: what was decided stays decided."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    order = OrderCreated(partner_id=partner, order_number="1")
    await io.publish(order, event_id=event_id)
    events = io.follow(MessageRequested)
    [first] = await events.wait_for(lambda e: e.data.partner_id == partner)
    await announce_person(io, partner, person_id=mia.person_id, version=2)
    max_ = await announce_person(io, partner, "manager")
    await knows(service, partner, max_.email)
    await io.publish(order, event_id=event_id)
    again = await events.wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert {e.data.message_id for e in again} == {first.data.message_id}
    assert {e.data.recipient.address for e in again} == {mia.email}


async def test_reordered_and_repeated_states_change_nothing(platform: Platform) -> None:
    """F6: an older state does not undo a newer one, nor bring back who was deleted."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    mia = await announce_person(io, partner, "manager", version=5)
    await announce_person(io, partner, "sales", person_id=mia.person_id, email="old@x.example.com", version=4)
    gone = await announce_person(io, partner, "manager", version=1)
    deleted = gone.model_copy(update={"version": 2, "deleted": True, "email": "", "roles": []})
    await io.publish(deleted, event_id=unique("e"), source="/contacts")
    await io.publish(gone, event_id=unique("e"), source="/contacts")
    await change_partner(io, partner, owner="new@owner.example.com", version=3)
    await change_partner(io, partner, owner="old@owner.example.com", version=2)
    last = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email, last.email)


async def test_without_people_the_owner_is_told_and_the_overview_says_so(platform: Platform) -> None:
    """A8."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io, owner="olga@shop.example.com")
    await knows(service, partner, "olga@shop.example.com")
    answer = await service.http.get("/settings", headers=platform.tokens.headers(partner))
    assert {(one["kind"], one["is_default"], one["falls_back_to"]) for one in answer.json()} == {
        ("order.created", True, "owner"),
        ("invoice.issued", True, "owner"),
        ("campaign.launched", True, "owner"),
    }
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=unique("e"))
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.recipient.address == "olga@shop.example.com"
    assert "the owner stands in" in event.data.recipient.reasons[0]


async def test_an_event_waits_for_its_partner_and_is_then_delivered(platform: Platform) -> None:
    """A8, F6: the topics have no order among each other."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = unique("prt"), unique("e")
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=event_id)
    headers = platform.tokens.headers(partner)

    async def status() -> str:
        answer = await service.http.get("/events", params={"source": "/test", "id": event_id}, headers=headers)
        return answer.json().get("status", "")

    async def waits() -> bool:
        return await status() == "waiting"

    await eventually(waits)
    await change_partner(io, partner)
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.event.id == event_id
    assert await status() == "decided"


async def test_an_event_that_waited_too_long_is_a_dead_letter(platform: Platform) -> None:
    """F6: kept, with its reason, as its publisher could have sent it."""
    service = await platform.service("notifications", instance="impatient", WAIT_SECONDS="1", WAIT_LOOK_SECONDS="0.1")
    campaign = CampaignLaunched(campaign_id="bf", name="BF", partner_ids=["prt_nobody"])
    await service.io.publish(campaign, event_id="e-late")
    [(headers, value)] = await service.io.dead_letters("campaign.launched", "notifications")
    assert (headers["dlq_reason"], headers["ce_id"]) == ("unknown_partner", "e-late")
    assert CampaignLaunched.model_validate_json(value or b"") == campaign


async def test_every_bad_event_is_set_aside_and_its_neighbours_are_told(platform: Platform) -> None:
    """F6."""
    service = await platform.service("notifications", instance="bad-events")
    io, partner = service.io, await announce_partner(service.io)
    owner = f"owner@{partner.replace('_', '-')}.example"
    await knows(service, partner, owner)
    good = {"partner_id": partner, "order_number": "1"}
    envelope = [("ce_specversion", b"1.0"), ("ce_source", b"/s"), ("ce_type", b"order.created")]
    bad: list[tuple[str, bytes, list[tuple[str, bytes]]]] = [
        ("not_json", b"{", envelope),
        ("breaks_contract", b'{"partner_id": 1}', envelope),
        (
            "breaks_contract",
            json.dumps(good | {"lines": [{"name": "x" * 1_000_000, "quantity": 1}]}).encode(),
            envelope,
        ),
        ("wrong_type", json.dumps(good).encode(), [*envelope[:2], ("ce_type", b"other")]),
        ("bad_envelope", json.dumps(good).encode(), []),
        ("bad_headers", json.dumps(good).encode(), [*envelope, ("x", b"\xff")]),
    ]
    for number, (_, value, headers) in enumerate(bad):
        await io.publish(OrderCreated(partner_id=partner, order_number=f"good-{number}"), event_id=f"good-{number}")
        await io.publish_raw("order.created", key=partner.encode(), value=value, headers=[*headers, ("ce_id", b"bad")])
    unknown = json.dumps(good | {"order_number": "extra", "brand_new": [1]}).encode()
    await io.publish_raw("order.created", key=b"k", value=unknown, headers=[*envelope, ("ce_id", b"extra")])
    letters = await io.dead_letters("order.created", "notifications", count=len(bad))
    assert sorted(headers["dlq_reason"] for headers, _ in letters) == sorted(reason for reason, *_ in bad)
    told = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner, count=len(bad) + 1)
    assert {e.data.order_number for e in told} == {f"good-{i}" for i in range(len(bad))} | {"extra"}


def failed(message: MessageRequested, reply: str = "550 5.1.1 no such mailbox") -> MessageFailed:
    common: dict[str, Any] = {
        name: getattr(message, name) for name in MessageFinished.model_fields if hasattr(message, name)
    }
    common |= {"executed_at": message.event.time, "attempts": 1, "subject": message.content.subject}
    return MessageFailed(**common, reason="recipient_refused", provider_reply=reply)


async def test_a_message_that_failed_is_told_once_to_the_manager_and_then_to_the_owner(platform: Platform) -> None:
    """A8: with the provider's words and the original text; repeated failures change nothing, and there it ends."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io, owner="olga@chain.example.com")
    sam, mia = await announce_person(io, partner, "sales"), await announce_person(io, partner, "manager")
    await listed(service, partner, "order.created", {"role": "sales"})
    await knows(service, partner, sam.email)
    await io.publish(OrderCreated(partner_id=partner, order_number="PL-9"), event_id=unique("e"))
    events = io.follow(MessageRequested)

    async def next_message(number: int) -> MessageRequested:
        found = await events.wait_for(lambda e: e.data.partner_id == partner, count=number)
        return {e.data.message_id: e.data for e in found}[found[-1].data.message_id]

    first = await next_message(1)
    for event_id in ("f1", "f1", "f1-again"):
        await io.publish(failed(first), event_id=f"{partner}{event_id}", source="/outbox")
    second = await next_message(2)
    assert second.recipient.address == mia.email
    assert second.escalation is not None
    assert (second.escalation.level, second.escalation.of_message_id) == (1, first.message_id)
    assert second.content.subject == f"Could not be delivered to {sam.email}: New order PL-9"
    assert "550 5.1.1 no such mailbox" in second.content.text
    assert first.content.text in second.content.text
    await io.publish(failed(second), event_id=unique("f"), source="/outbox")
    found = await events.wait_for(
        lambda e: e.data.partner_id == partner and e.data.escalation is not None and e.data.escalation.level == 2
    )
    assert found[0].data.recipient.address == "olga@chain.example.com"
    await io.publish(failed(found[0].data), event_id=unique("f"), source="/outbox")
    # What is read after it has been handled: an order after the last failure.
    await io.publish(failed(first), event_id=unique("f"), source="/outbox")
    ids = {e.data.message_id for e in await events.wait_for(lambda e: e.data.partner_id == partner, count=4)}
    assert len(ids) == 3


async def test_a_failure_of_a_message_that_is_not_ours_is_left_alone(platform: Platform) -> None:
    """A8: crm writes to contacts too; its kinds are not ours, and no dead letters either."""
    service = await platform.service("notifications", instance="foreign")
    io, partner = service.io, await announce_partner(service.io)
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id="e")
    events = io.follow(MessageRequested)
    [ours] = await events.wait_for(lambda _: True)
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    foreign = failed(ours.data).model_copy(update={"kind": "crm.message", "message_id": unique("m")})
    await io.publish(foreign, event_id="foreign", source="/outbox")
    await io.publish(failed(ours.data), event_id="ours", source="/outbox")
    await events.wait_for(lambda e: e.data.escalation is not None)
    assert len(events.events) == 2
    assert "dead_lettered_total{" not in (await service.http.get("/metrics")).text


async def test_a_killed_process_loses_nothing_and_decides_nothing_twice(platform: Platform) -> None:
    """F6: SIGKILL in the middle of 1,000 orders."""
    service = await platform.service("notifications", instance="killed")
    io, partner = service.io, await announce_partner(service.io)
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    await io.publish_many([(f"e{i}", OrderCreated(partner_id=partner, order_number=f"n{i}")) for i in range(1_000)])
    events = io.follow(MessageRequested)
    await eventually(lambda: len(events.events) > 50)
    service.kill()
    await service.start()
    await eventually(lambda: len({e.data.order_number for e in events.events}) == 1_000, timeout=60)
    assert len({e.data.message_id for e in events.events}) == 1_000
    assert await service.database["decisions"].count_documents({}) == 1_000
