"""Events per second through notifications, one recipient each, against a bare loop over the same records."""

import asyncio
import os
import sys
from collections.abc import Sequence

from bench.runner import Row, in_turn
from bench.setting import Progress, platform
from common.events import ContactChanged, MessageRequested, OrderCreated, PartnerChanged
from common.events.envelope import Event
from tests.support.platform import Platform

PARTNERS = 200
EVENTS = 20_000
GOAL = 0.5


async def bench() -> Sequence[Row]:
    """The row: notifications' rate over the bare loop's."""
    async with platform() as at:
        bare, ours = await in_turn(lambda number: bare_rate(at, number), lambda number: service_rate(at, number))
    return [Row("notifications: events resolved, rendered, published", ours, "events/s", bare, GOAL)]


async def service_rate(at: Platform, number: int, **environment: str) -> float:
    """Events per second of one notifications process with a backlog, in the round `number`."""
    own = await at.apart(f"notifications{len(environment)}")
    service = await own.service("notifications", **environment)
    await announce_partners(own)
    await warm(own, f"warm{number}")
    await service.stop()
    await own.io.publish_many(orders(EVENTS, f"order{number}"))
    return await Progress(own, MessageRequested.TOPIC).rate(EVENTS, service.start)


async def bare_rate(at: Platform, number: int) -> float:
    """Events per second of the bare loop, with the same records on topics of its own."""
    own = await at.apart(f"bare{number}")
    await own.io.publish_many(orders(EVENTS, f"order{number}"))
    environment = {**os.environ, "KAFKA_BOOTSTRAP": own.kafka_bootstrap, "KAFKA_PREFIX": own.prefix}
    environment |= {"MONGO_URL": own.mongo_url, "MONGO_DATABASE": own.prefix.strip(".") + "_bare"}
    process: list[asyncio.subprocess.Process] = []

    async def begin() -> None:
        command = [sys.executable, "-m", "bench.bare.consume"]
        process.append(await asyncio.create_subprocess_exec(*command, env=environment))

    try:
        return await Progress(own, MessageRequested.TOPIC).rate(EVENTS, begin)
    finally:
        for one in process:
            one.kill()
            await one.wait()


async def announce_partners(own: Platform) -> None:
    """Partners with a manager each, as identity and contacts announce them."""
    states: list[tuple[str, Event]] = []
    for i in range(PARTNERS):
        partner, address = f"prt_{i}", f"manager{i}@partner{i}.example"
        states.append(
            (f"p{i}", PartnerChanged(partner_id=partner, version=1, name=f"Partner {i}", owner_email=address))
        )
        person = ContactChanged(
            partner_id=partner, person_id=f"per_{i}", version=1, first_name="M", email=address, roles=["manager"]
        )
        states.append((f"c{i}", person))
    await own.io.publish_many(states)


async def warm(own: Platform, name: str) -> None:
    """One order per partner, so that everything is projected before the clock runs."""
    events = own.io.follow(MessageRequested)
    await own.io.publish_many(orders(PARTNERS, name))
    await events.wait_for(lambda event: str(event.data.order_number).startswith(f"{name}-"), count=PARTNERS)


def orders(count: int, name: str) -> list[tuple[str, Event]]:
    """`count` orders, spread over the partners."""
    return [
        (f"{name}-{i}", OrderCreated(partner_id=f"prt_{i % PARTNERS}", order_number=f"{name}-{i}", total="10.00"))
        for i in range(count)
    ]
