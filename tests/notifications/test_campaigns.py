"""An event that concerns many partners: each of them is told once (A7); `tests/faults` kills it midway."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from common.events import CampaignLaunched, MessageRequested, OrderCreated, encode
from common.mongo import Mongo
from notifications.campaigns import storage
from notifications.campaigns.domain import FanOut, Named, Step
from notifications.campaigns.handlers import CHUNK
from notifications.campaigns.storage import FanOuts
from tests.notifications.steps import has_partner
from tests.support.databases import database
from tests.support.eventually import eventually, unique
from tests.support.kafka_io import KafkaIO
from tests.support.partners import announce_partner, change_partner
from tests.support.plans import plans_of
from tests.support.platform import Platform, Service


async def campaigns(platform: Platform) -> tuple[Service, KafkaIO]:
    """Notifications on topics of these tests' own: a campaign for everyone would reach the partners of all others."""
    service = await platform.service("notifications", instance="campaigns", WAIT_SECONDS="3")
    return service, service.io


async def partners(service: Service, count: int, *categories: str) -> list[str]:
    """New partners that the service knows."""
    found = [await announce_partner(service.io, categories=categories) for _ in range(count)]
    for partner in found:
        await has_partner(service, partner)
    return found


def told(io: KafkaIO, campaign: str) -> list[str]:
    """Which partners were told of a campaign, in this order; a message may be requested twice, by the same id."""
    found = [event.data for event in io.follow(MessageRequested).events if event.data.event.id == campaign]
    return list({message.message_id: message.partner_id for message in found}.values())


async def is_done(service: Service, campaign: str) -> None:
    """Wait until the campaign has reached all whom it names."""

    async def done() -> bool:
        found = await service.database["fan_outs"].find_one({"event_id": campaign})
        return bool(found and found["done"])

    await eventually(done, timeout=30)


async def launch(io: KafkaIO, **audience: object) -> str:
    """Publish a campaign; returns the event's id."""
    campaign = CampaignLaunched(campaign_id="bf", name="Black Friday", **audience)  # pyright: ignore[reportArgumentType]
    event_id = unique("c")
    await io.publish(campaign, event_id=event_id)
    return event_id


async def test_a_campaign_reaches_the_partners_it_names_and_those_of_its_categories_each_once(
    platform: Platform,
) -> None:
    """A7: also one that is named and has two of the categories; nobody else, and none that is gone."""
    service, io = await campaigns(platform)
    garden, toys = unique("garden"), unique("toys")
    [named], both = await partners(service, 1), await partners(service, 2, garden, toys)
    one, others = await partners(service, 3, toys), await partners(service, 1, unique("other"))
    [gone] = await partners(service, 1, toys)
    await change_partner(io, gone, version=2, categories=[toys], deleted=True)
    await has_partner(service, gone, version=2)
    event_id = await launch(io, partner_ids=[named, both[0], named], categories=[garden, toys, garden])
    await is_done(service, event_id)
    await io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == event_id, count=6)
    assert Counter(told(io, event_id)) == Counter([named, *both, *one])
    assert not set(told(io, event_id)) & {*others, gone}


async def test_a_campaign_goes_slower_while_orders_come_in(platform: Platform) -> None:
    """A7: and to the end after them."""
    service = await platform.service("notifications", instance="courteous", CAMPAIGN_PARTNERS_BESIDE_URGENT=str(CHUNK))
    io, mine = service.io, await partners(service, 6 * CHUNK)

    async def order() -> None:
        event_id = unique("o")
        await io.publish(OrderCreated(partner_id=mine[0], order_number=event_id), event_id=event_id)
        await io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == event_id)

    await order()
    event_id, began = await launch(io, everyone=True), time.monotonic()
    while len(told(io, event_id)) < 3 * CHUNK:
        await order()
    assert len(told(io, event_id)) <= CHUNK * (time.monotonic() - began) + 2 * CHUNK
    await is_done(service, event_id)


async def test_a_campaign_for_everyone_reaches_everyone_once(platform: Platform) -> None:
    """A7: in several chunks, and though some are named besides."""
    service, io = await campaigns(platform)
    mine = await partners(service, 130)
    event_id = await launch(io, everyone=True, partner_ids=mine[:3])
    await is_done(service, event_id)
    everyone = {one["_id"] async for one in service.database["partners"].find({"deleted": False})}
    assert everyone >= set(mine)
    requested = io.follow(MessageRequested)
    await requested.wait_for(lambda e: e.data.event.id == event_id, count=len(everyone))
    assert Counter(told(io, event_id)) == Counter(everyone)


async def test_a_named_partner_that_is_not_known_yet_is_told_once_it_is(platform: Platform) -> None:
    """A7, A8: the others do not wait for it; one that never comes is a dead letter of its own."""
    service, io = await campaigns(platform)
    [known], late, never = await partners(service, 1), unique("prt"), unique("prt")
    event_id = await launch(io, partner_ids=[late, known, never])
    await io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == event_id)
    assert told(io, event_id) == [known]
    await change_partner(io, late)
    await eventually(lambda: told(io, event_id) == [known, late])
    [(headers, value)] = await io.dead_letters("campaign.launched", "notifications", key=never.encode())
    assert headers["dlq_reason"] == "unknown_partner"
    assert CampaignLaunched.model_validate_json(value or b"").partner_ids == [never]


@pytest.mark.parametrize("audience", ["", ', "partner_ids": []', ', "categories": [], "everyone": false'])
async def test_a_campaign_that_names_nobody_is_a_dead_letter(platform: Platform, audience: str) -> None:
    """A7: its publisher has forgotten something."""
    _, io = await campaigns(platform)
    key = unique("k").encode()
    complete = CampaignLaunched(campaign_id="bf", name="BF", everyone=True)
    record = encode(complete, event_id=unique("c"), source="/test")
    value = f'{{"campaign_id": "bf", "name": "BF"{audience}}}'.encode()
    await io.publish_raw(record.topic, key=key, value=value, headers=record.headers)
    [(letter, _)] = await io.dead_letters("campaign.launched", "notifications", key=key)
    assert letter["dlq_reason"] == "breaks_contract"


async def test_campaigns_take_turns_and_orders_go_between(platform: Platform) -> None:
    """A7: a second one does not wait for the end of the first, nor an order for any."""
    service, io = await campaigns(platform)
    crowd, pair = unique("crowd"), unique("pair")
    many, few = await partners(service, 350, crowd), await partners(service, 2, pair)
    first = await launch(io, categories=[crowd])
    second = await launch(io, categories=[pair])
    await io.publish(OrderCreated(partner_id=few[0], order_number="1"), event_id=(order := unique("e")))
    requested = io.follow(MessageRequested)
    await requested.wait_for(lambda e: e.data.event.id == second, count=len(few))
    await requested.wait_for(lambda e: e.data.event.id == order)
    await is_done(service, first)
    await requested.wait_for(lambda e: e.data.event.id == first, count=len(many))
    order_of = [event.data.event.id for event in requested.events]
    last_of_first = len(order_of) - order_of[::-1].index(first)
    assert order_of.index(second) < last_of_first
    assert order_of.index(order) < last_of_first


async def test_a_partner_that_changes_its_categories_meanwhile_is_told(platform: Platform) -> None:
    """A7: it sells in one of them all the time, though never in the one whose partners are told just then."""
    service = await platform.service("notifications", instance="slow-campaign", CAMPAIGN_PARTNERS_PER_SECOND="20")
    io, garden, toys, mine = service.io, unique("garden"), unique("toys"), "prt_"  # which comes before all others
    await change_partner(io, mine, categories=[toys])
    await has_partner(service, mine)
    await partners(service, 3 * CHUNK, garden)
    event_id = await launch(io, categories=[garden, toys])
    await eventually(lambda: told(io, event_id))
    await change_partner(io, mine, version=2, categories=[garden, toys])
    await has_partner(service, mine, version=2)
    await is_done(service, event_id)
    await io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == event_id, count=3 * CHUNK + 1)
    assert mine in told(io, event_id)


async def test_a_repeated_campaign_tells_nobody_again(platform: Platform) -> None:
    """A7, F6."""
    service, io = await campaigns(platform)
    found = await partners(service, 2)
    campaign = CampaignLaunched(campaign_id="bf", name="BF", partner_ids=found)
    event_id = unique("c")
    await io.publish_many([(event_id, campaign)] * 3)
    await is_done(service, event_id)
    last = await launch(io, partner_ids=found)
    await io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == last, count=2)
    assert Counter(told(io, event_id)) == Counter(found)


async def test_a_campaign_is_forgotten_long_after_it_was_done_and_never_before(platform: Platform) -> None:
    """A7: one that is under way stays, however old it is."""
    service = await platform.service("notifications", instance="old-campaigns", CAMPAIGNS_KEPT_DAYS="30")
    young = await launch(service.io, partner_ids=[unique("prt")])
    await is_done(service, young)
    kept, now = service.database["fan_outs"], datetime.now(UTC)
    [done] = await kept.find().to_list()
    old = done | {"turn_at": now - timedelta(days=30, minutes=1)}
    under_way = {"done": False, "lease_until": now + timedelta(hours=1)}
    await kept.insert_many([old | {"_id": "old"}, old | {"_id": "under way"} | under_way])
    await service.stop()
    await service.start()

    async def only_the_old_is_gone() -> bool:
        return {one["_id"] async for one in kept.find()} == {done["_id"], "under way"}

    await eventually(only_the_old_is_gone)


async def test_a_clock_that_was_days_ahead_holds_up_no_campaign(platform: Platform) -> None:
    """A7: neither by the lease of one that died, nor by what it did last; a lease that somebody has is kept."""
    ahead, now = datetime.now(UTC) + timedelta(days=3), datetime.now(UTC)
    fan_out = FanOut("f", "/test", "e", now, "campaign.launched", {}, None, Named(everyone=True))
    async with database(platform, storage.INDEXES) as mongo:
        fan_outs = FanOuts(mongo)
        await fan_outs.add(fan_out, ahead)
        assert await fan_outs.claim(ahead)
        assert await fan_outs.claim(now)
        assert not await fan_outs.claim(now)
        assert not await fan_outs.claim(now - timedelta(seconds=5))


async def test_nothing_of_campaigns_scans_a_collection(platform: Platform) -> None:
    """House rule 6: neither whose turn it is, nor who is next, nor what is forgotten."""

    async def ask(mongo: Mongo) -> None:
        fan_outs = FanOuts(mongo)
        await fan_outs.claim(datetime.now(UTC))
        await fan_outs.partners_of_all(Step(categories=("garden", "toys")), "prt_1", 100)
        await fan_outs.partners_of_all(Step(), "prt_1", 100)
        await fan_outs.forget_done(datetime.now(UTC))

    async with database(platform, storage.INDEXES) as mongo:
        plans = await plans_of(mongo, ask)
    assert len(plans) == 4
    assert not any("COLLSCAN" in plan or "SORT " in plan for plan in plans), plans
