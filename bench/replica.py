"""A notifications process with a marketplace of its own: how soon it knows everybody, its rate, what it needs."""

import time

from bench.marketplace import Marketplace, everybody_known
from bench.setting import Progress
from common.events import MessageRequested
from tests.support.needs import peak_mb
from tests.support.platform import Platform, Service

EVENTS = 20_000
WARM = 4_000
"""Events of a backlog before the clock runs."""


class Replica:
    """`peak_mb`: the most memory that it had at any moment so far."""

    def __init__(self, marketplace: Marketplace, own: Platform, service: Service) -> None:
        self.peak_mb = 0.0
        self._marketplace = marketplace
        self._own = own
        self._service = service

    @classmethod
    async def of(cls, marketplace: Marketplace, at: Platform, **environment: str) -> "Replica":
        """One that does not run and knows nobody yet; everybody is in the topics."""
        own = await at.apart(f"{marketplace.partners} partners, {len(environment)}")
        service = await own.service("notifications", **environment)
        await service.stop()
        await own.io.publish_many(list(marketplace.states()))
        return cls(marketplace, own, service)

    async def know_everybody(self) -> float:
        """Seconds from the start of the process until everybody is projected."""
        started = time.perf_counter()
        await self._service.start(wait=False)
        await everybody_known(self._service, self._marketplace)
        took = time.perf_counter() - started
        await self._end()
        return took

    async def rate(self, number: int) -> float:
        """Events per second with a backlog, in the round `number`."""
        await self._own.io.publish_many(self._marketplace.orders(WARM + EVENTS, f"order{number}"))
        rate = await Progress(self._own, MessageRequested.TOPIC).rate(WARM + EVENTS, self._service.start, WARM)
        await self._end()
        return rate

    async def _end(self) -> None:
        self.peak_mb = max(self.peak_mb, peak_mb(self._service))
        await self._service.stop()
