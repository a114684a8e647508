"""How far behind a service is, by which it is scaled (F3, F4)."""

import re

from tests.support.eventually import eventually, unique
from tests.support.messages import message, request
from tests.support.platform import Platform, Service


async def told(service: Service) -> set[str]:
    """The partitions that a process tells of."""
    text = (await service.http.get("/metrics")).text
    return set(re.findall(r'switchboard_consumer_lag_records{partition="(\d+)",topic="message.requested"}', text))


async def test_a_partition_is_told_of_by_whoever_reads_it(platform: Platform) -> None:
    """F4: with a second process the first one's figures of what it gave away would stand still for good."""
    apart = await platform.apart("lag")
    first = await apart.service("outbox")

    async def it_tells_of_many() -> bool:
        await request(first, *(message(unique("prt"), "ann@x.example") for _ in range(50)))
        return len(await told(first)) > 4

    await eventually(it_tells_of_many)
    second = await apart.replica(first)

    async def each_has_its_own() -> bool:
        await request(first, *(message(unique("prt"), "ann@x.example") for _ in range(50)))
        one, other = await told(first), await told(second)
        return bool(one and other) and not one & other

    await eventually(each_has_its_own, timeout=20)
