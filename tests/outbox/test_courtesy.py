"""What is less urgent steps back while something more urgent comes in (fairness)."""

import asyncio
import time

import pytest

from outbox.courtesy import Courtesy
from tests.outbox.scripted import Scripted, listening
from tests.outbox.test_lanes import account_at, address, counts
from tests.support.eventually import eventually, unique
from tests.support.messages import message, request
from tests.support.platform import Platform

PER_SECOND = 2
CAMPAIGN = 200


@pytest.mark.parametrize("limits", [{}, {"per_second": 100}], ids=["claimed as they come in", "claimed in turn"])
async def test_a_campaign_goes_on_slowly_while_orders_leave_at_once_over_the_same_connection(
    platform: Platform, limits: dict[str, int]
) -> None:
    """Fairness: it neither takes the time that orders need nor stands still, and has its own pace again after them."""
    outbox = await platform.service("outbox", instance="courteous", BESIDE_URGENT_PER_SECOND=str(PER_SECOND))
    async with listening(Scripted()) as server, asyncio.timeout(60):
        partner, orders = unique("prt"), 0

        def campaign_sent() -> int:
            return sum(b"To: w-" in content or b"<w-" in content for content in list(server.contents))

        async def order() -> None:
            nonlocal orders
            to, orders = address("order"), orders + 1
            await request(outbox, message(partner, to, priority=1))
            await eventually(lambda: any(to.encode() in content for content in list(server.contents)))

        await account_at(outbox, server.port, partner, max_connections=1, **limits)
        await order()
        began = time.monotonic()
        campaign = request(outbox, *(message(partner, address("w"), priority=7) for _ in range(CAMPAIGN)))
        coming_in = asyncio.create_task(campaign)
        while campaign_sent() < PER_SECOND or not coming_in.done():
            await order()
        assert campaign_sent() <= PER_SECOND * (time.monotonic() - began) + 1

        async def all_sent() -> bool:
            return (await counts(outbox, partner))["SENT"] == CAMPAIGN + orders

        await eventually(all_sent, timeout=20)


async def test_a_campaign_with_one_message_in_each_of_many_accounts_goes_as_fast_as_one_in_few() -> None:
    """Fairness: what may be claimed is divided among as many accounts as it takes, and no more: each is a search."""
    courtesy = Courtesy(1_000)
    portion = courtesy.portion
    assert courtesy.share(portion) == portion
    accounts = 1
    for _ in range(10):
        accounts = portion // courtesy.share(portion)
        courtesy.took(portion, accounts)
    assert accounts > 10
    for _ in range(10):
        courtesy.took(portion, portion)
    assert courtesy.share(portion) == portion
