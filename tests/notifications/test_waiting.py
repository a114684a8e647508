"""Events that cannot be decided yet, or not any more (A8, F6)."""

from typing import Any

from common.auth import STAFF_ONLY
from common.events import CampaignLaunched, MessageRequested, OrderCreated
from common.events.identity import PartnerChanged
from tests.notifications.returns import KIND, TOPIC, defined, opened, told
from tests.notifications.steps import became_of, has_partner, knows, tells, waits
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person, change_partner
from tests.support.platform import Platform, Service

FOR_EVERYONE: dict[str, Any] = {"audience": {"everyone": "/all"}, "order_number": None}


async def replayed(service: Service, letter: dict[str, Any]) -> None:
    """Staff publish a dead letter again."""
    headers = service.tokens.headers("platform", *STAFF_ONLY)
    answer = await service.http.post(f"/dead-letters/{letter['_id']}/replay", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "replayed")


async def letter_of(service: Service, partner: str) -> dict[str, Any]:
    """The dead letter of a partner, once there is one."""

    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = await service.database["dead_letters"].find({"key": partner}).to_list()
        return bool(found)

    await eventually(there)
    return found[0]


async def test_an_event_waits_for_its_partner_and_is_then_delivered(platform: Platform) -> None:
    """A8, F6: the topics have no order among each other."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = unique("prt"), unique("e")
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=event_id)
    await waits(service, partner, event_id)
    await change_partner(io, partner)
    asked = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    # The partner's arrival and the job that looks now and then may meet here: they ask for the same message.
    assert {one.data.event.id for one in asked} == {event_id}
    assert len({one.data.message_id for one in asked}) == 1
    assert (await became_of(service, partner, event_id))["status"] == "decided"

    async def nothing_waits() -> bool:
        return await service.database["waiting"].count_documents({"partner_id": partner}) == 0

    await eventually(nothing_waits)


async def test_an_event_of_a_partner_without_anybody_waits_for_somebody(platform: Platform) -> None:
    """A8: never silently nobody, not even without an owner's address."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io, owner=None), unique("e")
    await has_partner(service, partner)
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=event_id)
    await waits(service, partner, event_id)
    mia = await announce_person(io, partner, "manager")
    [event] = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert (event.data.recipient.address, event.data.event.id) == (mia.email, event_id)


async def test_an_event_that_waited_too_long_is_a_dead_letter(platform: Platform) -> None:
    """F6: kept, with its reason, as its publisher could have sent it."""
    service = await platform.service("notifications", instance="impatient", WAIT_SECONDS="1", WAIT_LOOK_SECONDS="0.1")
    campaign = CampaignLaunched(campaign_id="bf", name="BF", partner_ids=["prt_nobody"])
    await service.io.publish(campaign, event_id="e-late")
    [(headers, value)] = await service.io.dead_letters("campaign.launched", "notifications")
    assert (headers["dlq_reason"], headers["ce_id"]) == ("unknown_partner", "e-late")
    assert CampaignLaunched.model_validate_json(value or b"") == campaign


async def test_what_was_decided_is_told_again_though_there_is_nobody_now(platform: Platform) -> None:
    """F6: a repeated event neither waits nor becomes a dead letter because its people left in between."""
    service, io = await platform.service("notifications"), platform.io
    partner, event_id = await announce_partner(io), unique("e")
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    order = OrderCreated(partner_id=partner, order_number="1")
    await io.publish(order, event_id=event_id)
    events = io.follow(MessageRequested)
    [first] = await events.wait_for(lambda e: e.data.partner_id == partner)
    await change_partner(io, partner, owner=None, version=2)
    await has_partner(service, partner, version=2)
    await io.publish(order, event_id=event_id)
    again = await events.wait_for(lambda e: e.data.partner_id == partner, count=2, again=True)
    assert {e.data.message_id for e in again} == {first.data.message_id}
    assert await service.database["waiting"].count_documents({"partner_id": partner}) == 0


async def test_one_that_can_never_be_told_does_not_hold_up_the_others_that_wait(platform: Platform) -> None:
    """F6: it is a dead letter, and nobody is said to have been told of it; the partner's state is taken in."""
    service = await platform.service("notifications", instance="endless-name")
    io, endless, other = service.io, await announce_partner(service.io, owner=None), unique("prt")
    await has_partner(service, endless)
    for partner in (endless, other):
        await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=f"e-{partner}")
        await waits(service, partner, f"e-{partner}")
    state = PartnerChanged(partner_id=endless, version=2, name="x" * 500_000, owner_email="o@x.example")
    await io.publish(state, event_id="endless", source="/identity")
    (headers, _), *_ = await io.dead_letters("order.created", "notifications")
    assert (headers["dlq_reason"], headers["ce_id"]) == ("message_too_long", f"e-{endless}")
    await change_partner(io, other)
    told = await io.follow(MessageRequested).wait_for(lambda _: True)
    assert {event.data.partner_id for event in told} == {other}

    async def set_aside() -> bool:
        letter = (await became_of(service, endless, f"e-{endless}")).get("dead_letter")
        return bool(letter) and letter["reason"] == "message_too_long"

    await eventually(set_aside)
    assert (await service.database["partners"].count_documents({"version": 2})) == 1
    assert 'dead_lettered_total{reason="handler_failed"' not in (await service.http.get("/metrics")).text


async def test_a_campaign_that_was_set_aside_for_one_partner_is_told_to_him_when_it_is_replayed(
    platform: Platform,
) -> None:
    """A7, F6: though the campaign itself was done long ago, and nobody else is told again."""
    service = await platform.service("notifications", instance="replayed", WAIT_SECONDS="1", WAIT_LOOK_SECONDS="0.1")
    io, late, other = service.io, unique("prt"), await announce_partner(service.io)
    await knows(service, other, f"owner@{other.replace('_', '-')}.example")
    campaign = CampaignLaunched(campaign_id="bf", name="BF", partner_ids=[late, other])
    await io.publish(campaign, event_id=(event_id := unique("c")))
    letter = await letter_of(service, late)
    await change_partner(io, late)
    await knows(service, late, f"owner@{late.replace('_', '-')}.example")
    await replayed(service, letter)
    assert {one.partner_id for one in await told(service, event_id, 2)} == {late, other}
    assert len(await told(service, event_id, 2)) == 2


async def test_an_event_for_everyone_that_waited_too_long_for_one_holds_up_nobody_who_waits(platform: Platform) -> None:
    """A7, F6: no such event names a partner, so its dead letter says whom it is for."""
    service = await platform.service("notifications", instance="replayed", WAIT_SECONDS="1", WAIT_LOOK_SECONDS="0.1")
    io, nobodys, other = service.io, await announce_partner(service.io, owner=None), await announce_partner(service.io)
    await has_partner(service, nobodys)
    await defined(service, **FOR_EVERYONE)
    await tells(service, other, ("email", f"owner@{other.replace('_', '-')}.example"), kind=KIND)
    await opened(service, nobodys, event_id := unique("e"), all=True)
    await told(service, event_id)
    letter = await letter_of(service, nobodys)
    assert (letter["topic"], letter["reason"]) == (TOPIC, "unknown_partner")
    assert await service.database["waiting"].count_documents({}) == 0
    mia = await announce_person(io, nobodys, "manager")
    await tells(service, nobodys, ("email", mia.email), kind=KIND)
    await replayed(service, letter)
    again = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == nobodys)
    assert [(one.data.event.id, one.data.recipient.address) for one in again] == [(event_id, mia.email)]
    assert len([one for one in await told(service, event_id) if one.partner_id == other]) == 1


async def test_words_with_more_bytes_than_a_record_may_have_hold_up_nobody_who_waits(platform: Platform) -> None:
    """F6: nobody is said to have been told of it; it is a dead letter."""
    service = await platform.service("notifications", instance="wordy", WAIT_LOOK_SECONDS="0.1")
    io, wordy, other = service.io, await announce_partner(service.io, owner=None), unique("prt")
    await has_partner(service, wordy)
    await defined(service)
    await opened(service, wordy, event_id := unique("e"), reason="漢" * 350_000)
    await io.publish(OrderCreated(partner_id=other, order_number="1"), event_id="e-other")
    await waits(service, other, "e-other")

    async def both_wait() -> bool:
        return await service.database["waiting"].count_documents({}) == 2

    await eventually(both_wait)
    await announce_person(io, wordy, "rma")
    letter = await letter_of(service, wordy)
    assert (letter["reason"], letter["event_id"]) == ("message_too_long", event_id)
    assert await service.database["decisions"].count_documents({}) == 0
    await announce_person(io, other, "manager")
    await change_partner(io, other)
    assert [one.partner_id for one in await told(service, "e-other")] == [other]
    assert "job_failed" not in service.log_text()
