"""How long an urgent mail takes while a campaign goes out and a quarter of the mail servers never answer."""

import asyncio
import socket
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from bench.latency import p99
from bench.runner import Row
from bench.setting import TimingSink, platform, timing_sink
from common.events import Content, Event, EventRef, MessageRequested, Recipient
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

PARTNERS = 40
SILENT = PARTNERS // 4
"""So many partners' servers take a connection and say nothing."""
CAMPAIGN = 50_000
INTAKE_SECONDS = 30
PER_SECOND = 50
SECONDS = 10
GOAL = 2.0
URGENT, IDLE = 0, 5


async def bench() -> Sequence[Row]:
    """The rows: p99 of urgent mails beside the campaign over that without, and what of the campaign left meanwhile."""
    with timing_sink() as sink, silent_server() as silent:
        async with platform() as at:
            outbox = await at.service("outbox")
            for i in range(PARTNERS):
                await open_account(outbox, f"prt_{i}", silent if i < SILENT else sink.port)
            alone = await took_ms(at, sink, first=0)
            await take_in_campaign(at, outbox)
            sent = outbox.database["messages"]
            before = await sent.count_documents({"status": "SENT", "priority": IDLE})
            began = time.monotonic()
            beside = await took_ms(at, sink, first=1_000_000)
            seconds = time.monotonic() - began
            after = await sent.count_documents({"status": "SENT", "priority": IDLE})
    if after >= CAMPAIGN * (PARTNERS - SILENT) // PARTNERS:
        raise RuntimeError("the campaign ended before the urgent mails: it needs more mails")
    return [
        Row("fairness: urgent mail, p99 beside a campaign", p99(beside), "ms", p99(alone), GOAL, at_most=True),
        Row("fairness: the campaign's mails meanwhile", (after - before) / seconds, "mails/s"),
    ]


@contextmanager
def silent_server() -> Generator[int]:
    """The port of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        kept: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    kept.append(listening.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield listening.getsockname()[1]


async def open_account(outbox: Service, partner: str, port: int) -> None:
    body = {"name": "S", "from_address": "s@partner.example", "host": "127.0.0.1", "port": port, "tls": "none"}
    headers = outbox.tokens.headers(partner)
    (await outbox.http.post("/accounts", json=body | {"is_default": True}, headers=headers)).raise_for_status()


async def take_in_campaign(at: Platform, outbox: Service) -> None:
    """Have the campaign in the outbox, all of it due from the same moment on, and wait until it leaves."""
    starts = datetime.now(UTC) + timedelta(seconds=INTAKE_SECONDS)
    partners = (f"prt_{number % PARTNERS}" for number in range(CAMPAIGN))
    mails: list[tuple[str, Event]] = [
        (f"c{i}", mail(f"c{i}", one, "Black Friday", IDLE, starts)) for i, one in enumerate(partners)
    ]
    await at.io.publish_many(mails)
    messages = outbox.database["messages"]

    async def is_in() -> bool:
        return await messages.count_documents({"priority": IDLE}) == CAMPAIGN

    async def leaves() -> bool:
        return await messages.find_one({"status": "SENT", "priority": IDLE}) is not None

    await eventually(is_in, timeout=INTAKE_SECONDS)
    await eventually(leaves, timeout=INTAKE_SECONDS)


def mail(
    message_id: str, partner: str, subject: str, priority: int, not_before: datetime | None = None
) -> MessageRequested:
    return MessageRequested(
        message_id=message_id,
        partner_id=partner,
        kind="order.created" if priority == URGENT else "campaign.launched",
        recipient=Recipient(address=f"{message_id}@x.example", name="Ann", reasons=["holds the role sales"]),
        content=Content(subject=subject, text="Hello Ann", html="<p>Hello Ann</p>"),
        priority=priority,
        not_before=not_before,
        event=EventRef(source="/bench", id=message_id, time=datetime.now(UTC)),
    )


async def took_ms(at: Platform, sink: TimingSink, first: int) -> list[float]:
    """Milliseconds from publishing to acceptance of urgent mails at a steady pace, to partners whose servers answer."""
    sent: dict[int, float] = {}
    begin = time.time()
    for i in range(PER_SECOND * SECONDS):
        if (ahead := begin + i / PER_SECOND - time.time()) > 0:
            await asyncio.sleep(ahead)  # the pace itself is what is measured
        number, partner = first + i, f"prt_{SILENT + i % (PARTNERS - SILENT)}"
        sent[number] = time.time()
        urgent = mail(f"o{number}", partner, f"Order L-{number}", URGENT)
        asyncio.get_running_loop().create_task(at.io.publish(urgent, event_id=f"o{number}"))
    await eventually(lambda: sink.arrived.keys() >= sent.keys(), timeout=60, what="every urgent mail")
    return sorted((sink.arrived[number] - at_time) * 1000 for number, at_time in sent.items())
