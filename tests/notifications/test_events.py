"""From an event to requested messages, through Kafka (A7–A9, F6)."""

import json

from common.events import CampaignLaunched, ContactChanged, InvoiceIssued, MessageRequested, OrderCreated
from common.events.marketplace import OrderLine
from tests.notifications.steps import became_of, consumed, knows, listed
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person, change_partner
from tests.support.platform import Platform


async def test_an_order_reaches_whoever_holds_the_role_now(platform: Platform) -> None:
    """A6, A7, A9: the manager by default; the message is what the dry run showed, to the letter."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io, language="pl"), unique("e")
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    order = OrderCreated(
        partner_id=partner,
        order_number="PL-7",
        total="12.50",
        currency="PLN",
        lines=[OrderLine(name="<i>", quantity=2)],
    )
    sample, headers = order.model_dump(mode="json"), platform.tokens.headers(partner)
    dry = (await service.http.post("/kinds/order.created/dry-run", json=sample, headers=headers)).json()
    await io.publish(order, event_id=event_id)
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    told = event.data
    assert told.recipient.model_dump() | {"channel": told.channel} == dry["recipients"][0]
    assert (told.recipient.address, told.recipient.reasons) == (mia.email, ["holds the role manager"])
    assert told.content.model_dump() == dry["content"]
    assert told.content.subject == "Nowe zamówienie PL-7"
    assert (told.order_number, told.priority, told.event.id) == ("PL-7", 1, event_id)
    [recipient] = (await became_of(service, partner, event_id))["recipients"]
    assert (recipient["message_id"], recipient["reasons"]) == (told.message_id, told.recipient.reasons)


async def test_one_person_of_two_roles_who_is_listed_too_gets_one_message_with_every_reason(platform: Platform) -> None:
    """A7, A9."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    ann = await announce_person(io, partner, "sales", "finance", email="ann@shop.example.com")
    entries = [{"role": "sales"}, {"role": "finance"}, {"email": "ANN@shop.example.com"}]
    await listed(service, partner, "order.created", *entries)
    await knows(service, partner, ann.email)
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=event_id)
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.recipient.reasons == ["holds the role sales", "holds the role finance", "listed by e-mail"]
    assert len((await became_of(service, partner, event_id))["recipients"]) == 1


async def test_where_nobody_holds_the_role_the_manager_is_told_and_the_overview_says_so(platform: Platform) -> None:
    """A8: also where the only one who holds it has no address."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    mia = await announce_person(io, partner, "manager")
    mute = await announce_person(io, partner, "sales")
    await io.publish(mute.model_copy(update={"version": 2, "email": ""}), event_id=unique("e"), source="/contacts")
    await listed(service, partner, "order.created", {"role": "sales"})
    await knows(service, partner, mia.email)
    setting = await service.http.get("/settings/order.created", headers=platform.tokens.headers(partner))
    assert (setting.json()["unheld_roles"], setting.json()["falls_back_to"]) == (["sales"], "manager")
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=unique("e"))
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.recipient.address == mia.email
    assert event.data.recipient.reasons == ["nobody holds sales: the manager stands in"]


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
    again = await events.wait_for(lambda e: e.data.partner_id == partner, count=2, again=True)
    assert {e.data.message_id for e in again} == {first.data.message_id}
    assert {e.data.recipient.address for e in again} == {mia.email}


async def test_reordered_and_repeated_states_change_nothing(platform: Platform) -> None:
    """F6: an older state does not undo a newer one, nor bring back who was deleted; one record at a time."""
    service = await platform.service("notifications", instance="one-by-one", KAFKA_BATCH="1")
    io = service.io
    partner = await announce_partner(io)
    mia = await announce_person(io, partner, "manager", version=5)
    await announce_person(io, partner, "sales", email="old@x.example.com", person_id=mia.person_id, version=4)
    gone = await announce_person(io, partner, "manager", version=1)
    deleted = gone.model_copy(update={"version": 2, "deleted": True})
    for state in (deleted, gone, deleted, gone):
        await io.publish(state, event_id=unique("e"), source="/contacts")
    await change_partner(io, partner, owner="new@owner.example.com", version=3)
    await change_partner(io, partner, owner="old@owner.example.com", version=2)
    await consumed(service, ContactChanged.TOPIC, 7)
    await consumed(service, "partner.changed", 3)
    assert (await service.database["partners"].find_one({"_id": partner}) or {})[
        "owner_email"
    ] == "new@owner.example.com"
    await knows(service, partner, mia.email)
    kept = await service.database["people"].find_one({"_id": gone.person_id})
    assert kept is not None
    assert (kept["version"], kept["deleted"]) == (2, True)
    assert not any(kept[field] for field in kept.keys() - {"_id", "partner_id", "version", "deleted"}), (
        "nothing personal stays"
    )


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
    assert event.data.recipient.reasons == ["there is no manager: the owner stands in"]


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
    await eventually(lambda: len({e.data.order_number for e in events.events}) == 1_000, timeout=30)
    assert len({e.data.message_id for e in events.events}) == 1_000
    assert await service.database["decisions"].count_documents({}) == 1_000
