"""Two replicas of notifications are killed again and again, and a third comes and goes (A7, F6)."""

import asyncio
import os
import random
import time
from collections import Counter
from typing import ClassVar

from common.events import CampaignLaunched, Event, MessageRequested, OrderCreated, PartnerChanged
from tests.notifications.steps import knows
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform, Service
from tests.support.results import keep

EVENTS = 20_000
PARTNERS = 40
CAMPAIGN_PARTNERS = int(os.environ.get("CAMPAIGN_PARTNERS", "2000"))
KILLS = 9


async def test_each_of_20000_events_has_exactly_its_messages(platform: Platform) -> None:
    """A7, F6: the ledger is what the publisher wrote down; the outbox's intake is compared with it."""
    apart = await platform.apart(unique("replicas"))
    outbox = await apart.service("outbox")
    one = await apart.service("notifications")
    other = await apart.replica(one)
    people: dict[str, list[str]] = {}
    for i in range(PARTNERS):
        partner = await announce_partner(apart.io)
        people[partner] = [(await announce_person(apart.io, partner, "manager")).email for _ in range(1 + i % 2)]
    for partner, addresses in people.items():
        await knows(one, partner, *addresses)
    orders = [(list(people)[i % PARTNERS], f"n-{i}") for i in range(EVENTS)]
    ledger = {(number, address) for partner, number in orders for address in people[partner]}
    messages = outbox.database["messages"]

    async def taken_in(count: int) -> None:
        async def enough() -> bool:
            return await messages.estimated_document_count() >= count

        await eventually(enough, timeout=120, what=f"{count} messages in the outbox")

    async def disturb() -> None:
        victims: list[Service] = [one, other] * 6
        for kill, victim in enumerate(victims, start=1):
            await taken_in(len(ledger) * kill // 14)
            victim.kill()
            await victim.start()
        third = await apart.replica(one)
        await taken_in(len(ledger) * 13 // 14)
        await third.stop()

    publishing = [
        apart.io.publish_many(
            [(number, OrderCreated(partner_id=partner, order_number=number)) for partner, number in part]
        )
        for part in (orders[i : i + 1_000] for i in range(0, EVENTS, 1_000))
    ]
    await asyncio.gather(disturb(), *publishing)
    await taken_in(len(ledger))
    found = [(one["order_number"], one["recipient"]["address"]) async for one in messages.find({})]
    row = {
        "fault": "SIGKILL of two replicas of notifications, six times each, and one joins and leaves",
        "orders": EVENTS,
        "lost": len(ledger - set(found)),
        "told_twice": len(found) - len(set(found)),
        "told_wrongly": len(set(found) - ledger),
    }
    keep(row)
    assert row["lost"] == row["told_twice"] == row["told_wrongly"] == 0, row


class Told(Event):
    """What is needed of a requested message to say that its partner was told."""

    TOPIC: ClassVar[str] = MessageRequested.TOPIC

    message_id: str
    partner_id: str


async def test_a_campaign_serves_each_partner_once_though_it_is_killed_midway_again_and_again(
    platform: Platform,
) -> None:
    """A7, F6: each has one decision and one message id. Both replicas at once, or one would end it meanwhile."""
    apart = await platform.apart(unique("campaign"))
    one = await apart.service("notifications", CAMPAIGN_PARTNERS_PER_SECOND="10000")
    other = await apart.replica(one)
    ids = [f"prt_{i}" for i in range(CAMPAIGN_PARTNERS)]
    states = [(it, PartnerChanged(partner_id=it, version=1, name=it, owner_email=f"{it}@x.example")) for it in ids]
    await apart.io.publish_many([*states], source="/identity")
    patience = 60 + CAMPAIGN_PARTNERS / 100

    async def all_known() -> bool:
        return await one.database["partners"].estimated_document_count() == len(ids)

    await eventually(all_known, patience)
    requested, began = apart.io.follow(Told), time.monotonic()
    await apart.io.publish(CampaignLaunched(campaign_id="bf", name="BF", everyone=True), event_id="bf")
    for moment in sorted(random.sample(range(len(ids)), KILLS)):
        await eventually(lambda at=moment: len(requested.events) > at, patience)
        for victim in (one, other):
            victim.kill()
        await asyncio.gather(one.start(), other.start())

    def told() -> Counter[str]:
        return Counter({event.data.message_id: event.data.partner_id for event in requested.events}.values())

    async def done() -> bool:
        return await one.database["fan_outs"].find_one({"done": True}) is not None

    await eventually(done, patience)
    seconds = time.monotonic() - began
    await eventually(lambda: len(told()) == len(ids), patience)
    row = {
        "fault": f"SIGKILL of both replicas of notifications amid a campaign, {KILLS} times at random",
        "partners": len(ids),
        "seconds": round(seconds),
        "lost": len(set(ids) - set(told())),
        "told_twice": sum(count > 1 for count in told().values()),
        "decisions": await one.database["decisions"].estimated_document_count(),
    }
    keep(row)
    assert row["lost"] == row["told_twice"] == 0, row
    assert row["decisions"] == len(ids), row
