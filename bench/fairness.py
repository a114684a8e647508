"""How long an urgent mail takes while a campaign goes out and a quarter of the mail servers never answer."""

import asyncio
import socket
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bench.latency import WARM_SECONDS, p99, took_ms
from bench.runner import Row
from bench.setting import paced, platform, timing_sink
from common.events import Content
from tests.support.eventually import eventually
from tests.support.mail import MailServer
from tests.support.messages import message, request, sender_account
from tests.support.platform import Service

PARTNERS = 40
SILENT = PARTNERS // 4
"""So many partners' servers take a connection and say nothing."""
CAMPAIGN = 50_000
INTAKE_SECONDS = 30
PER_SECOND = 50
SECONDS = 10
WARM = PER_SECOND * WARM_SECONDS
GOAL = 2.0
URGENT, IDLE = 0, 5


async def bench() -> Sequence[Row]:
    """The rows: p99 of urgent mails beside the campaign over that without, and what of the campaign left meanwhile."""
    with timing_sink() as sink, silent_server() as silent:
        async with platform() as at:
            outbox = await at.service("outbox")
            for i in range(PARTNERS):
                await sender_account(outbox, silent if i < SILENT else sink, partner=f"prt_{i}")
            alone = await took_ms(sink, await publish_paced(outbox, first=0), warm=WARM)
            await take_in_campaign(outbox)
            sent = outbox.database["messages"]
            before = await sent.count_documents({"status": "SENT", "priority": IDLE})
            began = time.monotonic()
            urgent = await publish_paced(outbox, first=1_000_000)
            seconds = time.monotonic() - began
            first = await took_ms(sink, dict(list(urgent.items())[:WARM]), warm=0)
            beside = await took_ms(sink, urgent, warm=WARM)
            after = await sent.count_documents({"status": "SENT", "priority": IDLE})
    if after >= CAMPAIGN * (PARTNERS - SILENT) // PARTNERS:
        raise RuntimeError("the campaign ended before the urgent mails: it needs more mails")
    return [
        Row("fairness: urgent mail, p99 beside a campaign", p99(beside), "ms", p99(alone), GOAL, at_most=True),
        Row("fairness: the slowest of the first two seconds", first[-1], "ms"),
        Row("fairness: the campaign's mails meanwhile", (after - before) / seconds, "mails/s"),
    ]


@contextmanager
def silent_server() -> Generator[MailServer]:
    """A server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield MailServer(port=listening.getsockname()[1])


async def take_in_campaign(outbox: Service) -> None:
    """Have the campaign in the outbox, all of it due from the same moment on, and wait until it leaves."""
    starts = datetime.now(UTC) + timedelta(seconds=INTAKE_SECONDS)
    campaign = {"kind": "campaign.launched", "priority": IDLE, "not_before": starts}
    mails = [message(f"prt_{i % PARTNERS}", f"c{i}@x.example", **campaign) for i in range(CAMPAIGN)]
    await request(outbox, *mails)
    messages = outbox.database["messages"]

    async def is_in() -> bool:
        return await messages.count_documents({"priority": IDLE}) == CAMPAIGN

    async def leaves() -> bool:
        return await messages.find_one({"status": "SENT", "priority": IDLE}) is not None

    await eventually(is_in, timeout=INTAKE_SECONDS)
    await eventually(leaves, timeout=INTAKE_SECONDS)


async def publish_paced(outbox: Service, first: int) -> dict[int, float]:
    """Publish urgent mails at a steady pace, to partners whose servers answer; returns when each was published."""
    sent: dict[int, float] = {}
    async for i in paced(PER_SECOND, WARM + PER_SECOND * SECONDS):
        number, partner = first + i, f"prt_{SILENT + i % (PARTNERS - SILENT)}"
        content = Content(subject=f"Order L-{number}", text="Hello Ann", html="<p>Hello Ann</p>")
        urgent = message(partner, f"o{number}@x.example", content=content, priority=URGENT)
        sent[number] = time.time()
        asyncio.get_running_loop().create_task(request(outbox, urgent))
    return sent
