"""Two processes of the outbox against one: what they send, and what a mail costs them."""

import os
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.outbox import mails, open_account
from bench.runner import Row, in_turn
from bench.setting import Progress, platform, smtp_sink
from common.events import MessageSent
from tests.support.eventually import eventually
from tests.support.needs import cpu_seconds
from tests.support.platform import Platform, Service

MAILS = 20_000
WARM = 2_000
"""Mails before the clock runs."""
PARTNERS = 4
INTAKE_SECONDS = 30
ENOUGH_CORES = 4
GOAL_RATE = 1.6
"""Where broker, database and mail server have cores of their own."""
GOAL_CPU = 1.1


async def bench() -> Sequence[Row]:
    """The rows: mails a second of two over those of one, and CPU time of a mail."""
    with smtp_sink() as port:
        async with platform() as at:
            alone, both = Processes(at, port, 1), Processes(at, port, 2)
            one, two = await in_turn(alone.rate, both.rate)
    goal = GOAL_RATE if (os.cpu_count() or 1) >= ENOUGH_CORES else None
    return [
        Row("outbox: two replicas over one", two, "mails/s", one, goal),
        Row("outbox: two replicas, CPU of a mail", both.cpu_us, "µs", alone.cpu_us, GOAL_CPU, at_most=True),
    ]


class Processes:
    """So many outboxes on topics and a database of their own."""

    def __init__(self, at: Platform, port: int, count: int) -> None:
        self._at = at
        self._port = port
        self._count = count
        self._cpu_us: list[float] = []

    @property
    def cpu_us(self) -> float:
        """CPU time of all of them together for each mail: the median of the rounds."""
        return statistics.median(self._cpu_us)

    async def rate(self, number: int) -> float:
        """Mails per second of all of them. The mails wait for one moment, so that each finds its share by itself."""
        own = await self._at.apart(f"{self._count} replicas, {number}")
        outbox = await own.service("outbox")
        services = [outbox, *[await own.replica(outbox) for _ in range(1, self._count)]]
        partners = [f"prt_{i}" for i in range(PARTNERS)]
        for partner in partners:
            await open_account(outbox, self._port, partner)
        leave_at = datetime.now(UTC) + timedelta(seconds=INTAKE_SECONDS)
        for partner in partners:
            await own.io.publish_many(mails(MAILS // PARTNERS, partner, not_before=leave_at))
        await eventually(lambda: _all_are_kept(outbox), timeout=INTAKE_SECONDS, what="all mails being kept in time")
        before = sum(map(cpu_seconds, services))
        rate = await Progress(own, MessageSent.TOPIC).rate(MAILS, _nothing, WARM)
        self._cpu_us.append((sum(map(cpu_seconds, services)) - before) / MAILS * 1_000_000)
        for service in services:
            await service.stop()
        return rate


async def _all_are_kept(outbox: Service) -> bool:
    return await outbox.database["messages"].estimated_document_count() == MAILS


async def _nothing() -> None:
    """They leave by themselves."""
