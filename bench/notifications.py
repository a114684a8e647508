"""Events per second through notifications, one recipient each, against a bare loop over the same records.

With few partners and with many; of the many also how soon all are known anew, and what that needs of memory.
"""

from collections.abc import Sequence

from bench.bare.process import Bare
from bench.marketplace import Marketplace
from bench.replica import EVENTS, WARM, Replica
from bench.runner import Row, in_turn
from bench.setting import Progress, platform
from common.events import MessageRequested
from tests.support.platform import Platform

SMALL = Marketplace(partners=200)
LARGE = Marketplace(partners=10_000, persons=20)
HALF = Marketplace(partners=5_000, persons=20)
GOAL_RATE = 0.5
GOAL_KNOWN_SECONDS = 30
GOAL_MEMORY_MB = 200
GOAL_GROWTH = 1.1


async def bench() -> Sequence[Row]:
    """The rows: the rates over the bare loop's; of many partners also seconds until all are known, and memory."""
    async with platform() as at:
        few = await Replica.of(SMALL, at)
        await few.know_everybody()
        few_rates = await in_turn(lambda number: bare_rate(at, SMALL, number), few.rate)
        many, half = await Replica.of(LARGE, at), await Replica.of(HALF, at)
        await half.know_everybody()
        await half.rate(0)
        known = await many.know_everybody()
        many_rates = await in_turn(lambda number: bare_rate(at, LARGE, number), many.rate)
    size = f"{LARGE.partners:,} partners × {LARGE.persons}"
    peak = many.peak_mb
    return [
        Row("notifications: events resolved, rendered, published", few_rates[1], "events/s", few_rates[0], GOAL_RATE),
        Row(f"notifications: the same with {size}", many_rates[1], "events/s", many_rates[0], GOAL_RATE),
        Row(f"notifications: {size}, known anew", known, "s", goal=GOAL_KNOWN_SECONDS, at_most=True),
        Row(f"notifications: {size}, most memory", peak, "MB", goal=GOAL_MEMORY_MB, at_most=True),
        Row("notifications: over that with half of them", peak, "MB", half.peak_mb, GOAL_GROWTH, at_most=True),
    ]


async def bare_rate(at: Platform, marketplace: Marketplace, number: int) -> float:
    """Events per second of the bare loop, with the same records on topics of its own."""
    own = await at.apart(f"bare, {marketplace.partners} partners, {number}")
    await own.io.publish_many(marketplace.orders(WARM + EVENTS, f"order{number}"))
    bare = Bare("consume", own)
    try:
        return await Progress(own, MessageRequested.TOPIC).rate(WARM + EVENTS, bare.start, WARM)
    finally:
        await bare.end()
