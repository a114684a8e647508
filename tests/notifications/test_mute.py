"""A partner may want to hear nothing of a kind for a while (A6)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.auth import Permission
from common.events import CampaignLaunched, InvoiceIssued, MessageRequested, OrderCreated, encode
from tests.notifications.steps import became_of, failed, has_partner, knows, listed, waits
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person, change_partner
from tests.support.platform import Platform, Service

ORDERS = "order.created"


async def mute(service: Service, partner: str, kind: str = ORDERS, **ahead: float) -> str:
    """Mute a kind for a while, an hour if nothing else is said; returns until when, as the service tells it."""
    until = datetime.now(UTC) + timedelta(**(ahead or {"hours": 1}))
    body, headers = {"until": until.isoformat()}, service.tokens.headers(partner)
    answer = await service.http.put(f"/settings/{kind}/mute", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["muted_until"]


async def unmute(service: Service, partner: str) -> None:
    answer = await service.http.delete(f"/settings/{ORDERS}/mute", headers=service.tokens.headers(partner))
    assert answer.status_code == 204


async def setting(service: Service, partner: str) -> dict[str, Any]:
    answer = await service.http.get(f"/settings/{ORDERS}", headers=service.tokens.headers(partner))
    return answer.json()


async def becomes(service: Service, partner: str, event_id: str, status: str) -> dict[str, Any]:
    """Wait until this is what became of the event."""

    async def done() -> dict[str, Any] | None:
        found = await became_of(service, partner, event_id)
        return found if found.get("status") == status else None

    return await eventually(done)  # pyright: ignore[reportReturnType]


async def test_of_a_muted_kind_nobody_is_told_and_what_is_muted_stays_muted(platform: Platform) -> None:
    """A6, A9, F6: it is kept like every decision; a repeated event is not told once the kind is not muted any more."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    until, muted, after = await mute(service, partner), unique("e"), unique("e")
    order = OrderCreated(partner_id=partner, order_number="muted")
    await io.publish(order, event_id=muted)
    kept = await becomes(service, partner, muted, "muted")
    assert (kept["muted_until"], kept["kind"], kept["recipients"], kept["escalations"]) == (until, ORDERS, [], [])
    assert kept["consumed_at"] < until
    await unmute(service, partner)
    await io.publish(order, event_id=muted)
    await io.publish(OrderCreated(partner_id=partner, order_number="after"), event_id=after)
    events = io.follow(MessageRequested)
    await events.wait_for(lambda e: e.data.event.id == after)
    assert [e.data.order_number for e in events.once() if e.data.partner_id == partner] == ["after"]
    assert await became_of(service, partner, muted) == kept
    told = await became_of(service, partner, after)
    assert (told["status"], told["muted_until"]) == ("decided", None)


async def test_a_mute_is_of_one_kind_and_of_one_partner(platform: Platform) -> None:
    """A6, F1: a campaign that concerns two partners reaches the one that is not muted."""
    service, io = await platform.service("notifications"), platform.io
    muted, other = await announce_partner(io), await announce_partner(io)
    for partner in (muted, other):
        await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    await mute(service, muted, CampaignLaunched.TOPIC)
    campaign, invoice = unique("e"), unique("e")
    await io.publish(CampaignLaunched(campaign_id="bf", name="BF", partner_ids=[muted, other]), event_id=campaign)
    await io.publish(InvoiceIssued(partner_id=muted, invoice_number="1"), event_id=invoice)
    for event_id, partner in ((campaign, other), (invoice, muted)):
        assert len((await becomes(service, partner, event_id, "decided"))["recipients"]) == 1
    assert (await becomes(service, muted, campaign, "muted"))["recipients"] == []


async def test_a_mute_ends_by_itself_and_counts_when_an_event_is_consumed(platform: Platform) -> None:
    """A6: not when it happened, so that an event is never lost because its publisher was late."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    await has_partner(service, partner)
    happened = datetime.now(UTC)
    await mute(service, partner, seconds=1)

    async def ended() -> bool:
        return (await setting(service, partner))["muted_until"] is None

    await eventually(ended)
    order = OrderCreated(partner_id=partner, order_number="1")
    record = encode(order, event_id=event_id, source="/test", time=happened + timedelta(seconds=0.2))
    assert record.key is not None
    await io.publish_raw(ORDERS, key=record.key, value=record.value, headers=record.headers)
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.event.id == event_id


async def test_overview_and_dry_run_say_until_when_a_kind_is_muted(platform: Platform) -> None:
    """A6, A9: its recipients are kept, shown and changed as ever; back to their default is not back from a mute."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    mia = await announce_person(io, partner, "manager")
    await knows(service, partner, mia.email)
    headers = platform.tokens.headers(partner)

    async def said() -> tuple[list[tuple[str, str | None]], str | None]:
        overview = (await service.http.get("/settings", headers=headers)).json()
        sample = {"order_number": "1"}
        dry = (await service.http.post(f"/kinds/{ORDERS}/dry-run", json=sample, headers=headers)).json()
        assert [one["address"] for one in dry["recipients"]] == [mia.email]
        return [(one["kind"], one["muted_until"]) for one in overview if one["muted_until"]], dry["muted_until"]

    assert await said() == ([], None)
    until = await mute(service, partner)
    assert await said() == ([(ORDERS, until)], until)
    assert (await setting(service, partner))["is_default"], "a mute says nothing about the recipients"
    await listed(service, partner, ORDERS, {"email": mia.email})
    assert (await setting(service, partner))["muted_until"] == until
    await service.http.delete(f"/settings/{ORDERS}", headers=headers)
    assert await said() == ([(ORDERS, until)], until)
    later = await mute(service, partner, days=364)
    assert await said() == ([(ORDERS, later)], later)
    await listed(service, partner, ORDERS, {"email": mia.email})
    await unmute(service, partner)
    await unmute(service, partner)
    assert await said() == ([], None)
    assert not (await setting(service, partner))["is_default"]


@pytest.mark.parametrize(
    ("until", "problem"),
    [
        (datetime.now(UTC) - timedelta(seconds=1), "bad-mute"),
        (datetime.now(UTC) + timedelta(days=366), "bad-mute"),
        ("9999-12-31T23:59:59Z", "bad-mute"),
        ("2026-01-01", "bad-mute"),
        ("9999-12-31T23:59:59-10:00", "invalid"),
        ("soon", "invalid"),
        (None, "invalid"),
    ],
)
async def test_a_time_that_is_over_or_too_far_ahead_is_refused(platform: Platform, until: Any, problem: str) -> None:
    """A6: a kind must not be silent for ever because somebody mistyped a year."""
    service, partner = await platform.service("notifications"), unique("prt")
    body = {"until": until.isoformat() if isinstance(until, datetime) else until}
    headers = platform.tokens.headers(partner)
    answer = await service.http.put(f"/settings/{ORDERS}/mute", json=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["type"].rpartition("/")[2] == problem
    assert (await setting(service, partner))["muted_until"] is None


async def test_only_whoever_may_change_settings_mutes_and_only_what_there_is(platform: Platform) -> None:
    """A5, A6."""
    service = await platform.service("notifications")
    body = {"until": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    reader, writer = platform.tokens.headers("prt_x", Permission.NOTIFICATIONS_READ), platform.tokens.headers("prt_x")
    for method, sent in (("PUT", body), ("DELETE", None)):
        refused = await service.http.request(method, f"/settings/{ORDERS}/mute", json=sent, headers=reader)
        assert (refused.status_code, refused.json()["permission"]) == (403, "notifications:write")
        unknown = await service.http.request(method, "/settings/return.opened/mute", json=sent, headers=writer)
        assert (unknown.status_code, unknown.json()["type"].rpartition("/")[2]) == (404, "unknown-kind")


async def test_recipients_and_mute_that_are_set_at_once_are_both_kept(platform: Platform) -> None:
    """A6: two people, each with the page open, the first settings of this partner."""
    service = await platform.service("notifications")
    for _ in range(10):
        partner = unique("prt")
        await asyncio.gather(
            *(mute(service, partner) for _ in range(2)),
            *(listed(service, partner, ORDERS, {"role": "sales"}) for _ in range(2)),
        )
        found = await setting(service, partner)
        assert (found["is_default"], found["muted_until"] is None) == (False, False)


async def test_a_message_that_failed_is_escalated_though_its_kind_is_muted_now(platform: Platform) -> None:
    """A8: who wants to hear of no new orders still has to know that one did not arrive."""
    service, io = await platform.service("notifications"), platform.io
    partner = await announce_partner(io)
    sam, mia = await announce_person(io, partner, "sales"), await announce_person(io, partner, "manager")
    await listed(service, partner, ORDERS, {"role": "sales"})
    await knows(service, partner, sam.email)
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=unique("e"))
    events = io.follow(MessageRequested)
    [first] = await events.wait_for(lambda e: e.data.partner_id == partner)
    await mute(service, partner)
    await io.publish(failed(first.data), event_id=unique("f"), source="/outbox")
    _, second = await events.wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert (second.data.recipient.address, second.data.escalation is not None) == (mia.email, True)


async def test_what_was_told_before_the_mute_is_repeated_as_it_was(platform: Platform) -> None:
    """F6: what was decided stays decided."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    order = OrderCreated(partner_id=partner, order_number="1")
    await io.publish(order, event_id=event_id)
    events = io.follow(MessageRequested)
    await events.wait_for(lambda e: e.data.partner_id == partner)
    await mute(service, partner)
    await io.publish(order, event_id=event_id)
    again = await events.wait_for(lambda e: e.data.partner_id == partner, count=2, again=True)
    assert len({e.data.message_id for e in again}) == 1
    assert (await became_of(service, partner, event_id))["status"] == "decided"


async def test_a_muted_event_waits_for_its_partner_but_not_for_somebody_to_tell(platform: Platform) -> None:
    """A6, A8: there is nobody of this partner, and nobody has to be."""
    service, io = await platform.service("notifications"), platform.io
    partner, first, second = unique("prt"), unique("e"), unique("e")
    await mute(service, partner)
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=first)
    await waits(service, partner, first)
    await change_partner(io, partner, owner=None)
    await io.publish(OrderCreated(partner_id=partner, order_number="2"), event_id=second)
    for event_id in (first, second):
        await becomes(service, partner, event_id, "muted")
