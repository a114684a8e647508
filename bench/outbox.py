"""Mails per second out of the outbox, durable, against a bare loop over the same connections that keeps nothing."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import aiosmtplib

from bench.runner import Row, in_turn
from bench.setting import Progress, platform, smtp_sink
from common.events import Content, Event, EventRef, MessageRequested, MessageSent, Recipient
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

MAILS = 5_000
CONNECTIONS = 20
GOAL = 0.6
TEXT = "Hello Ann,\n\nKettle & Sons has a new order: A-1.\nTotal: 249.90 PLN\n\n  2 × Kettle 1.7 l\n"
HTML = "<p>Hello Ann,</p><p>Kettle &amp; Sons has a new order: <b>A-1</b>.</p><ul><li>2 × Kettle 1.7 l</li></ul>"


async def bench() -> Sequence[Row]:
    """The row: the outbox's rate over the bare loop's."""
    with smtp_sink() as port:
        async with platform() as at:
            bare, ours = await in_turn(lambda _: bare_rate(port), lambda number: service_rate(at, port, number))
    return [Row("outbox: waiting mails delivered and announced", ours, "mails/s", bare, GOAL)]


async def service_rate(at: Platform, port: int, number: int, **environment: str) -> float:
    """Mails per second of one outbox process: those of a new partner wait, then its account is made."""
    partner = f"prt_{number}"
    own = await at.apart(f"outbox{len(environment)}")
    outbox = await own.service("outbox", **environment)
    await outbox.io.publish_many(mails(MAILS, partner))
    headers = outbox.tokens.headers(partner)

    async def all_wait() -> bool:
        return (await outbox.http.get("/messages/counts", headers=headers)).json()["WAITING"] == MAILS

    await eventually(all_wait, timeout=60)
    return await Progress(own, MessageSent.TOPIC).rate(MAILS, lambda: open_account(outbox, port, partner))


async def open_account(outbox: Service, port: int, partner: str) -> None:
    """The partner's account at the sink: everything that waited may leave."""
    body = {
        "name": "Sink",
        "from_address": "shop@kettle.example.com",
        "host": "127.0.0.1",
        "port": port,
        "tls": "none",
        "is_default": True,
        "max_connections": CONNECTIONS,
    }
    answer = await outbox.http.post("/accounts", json=body, headers=outbox.tokens.headers(partner))
    answer.raise_for_status()


def mails(count: int, partner: str, first: int = 0, not_before: datetime | None = None) -> list[tuple[str, Event]]:
    """`count` requested messages of one partner, numbered from `first` on."""
    now = datetime.now(UTC)
    return [
        (
            f"{partner}-{i}",
            MessageRequested(
                message_id=f"{partner}-{i}",
                partner_id=partner,
                kind="order.created",
                recipient=Recipient(address=f"ann{i}@x.example", name="Ann", reasons=["holds the role sales"]),
                content=Content(subject=f"New order A-{i}", text=TEXT, html=HTML),
                order_number=f"A-{i}",
                event=EventRef(source="/bench", id=f"e-{i}", time=now),
                not_before=not_before,
            ),
        )
        for i in range(first, first + count)
    ]


async def bare_rate(port: int) -> float:
    """Mails per second of aiosmtplib over as many kept connections: no database, no topic, the same bytes."""
    content = (
        f"From: shop@kettle.example.com\r\nTo: ann@x.example\r\nSubject: New order\r\n\r\n{TEXT}{HTML}\r\n".encode()
    )
    left = MAILS

    async def send() -> None:
        nonlocal left
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
        await client.connect()
        while left > 0:
            left -= 1
            await client.sendmail("shop@kettle.example.com", ["ann@x.example"], content)
        await client.quit()

    started = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    return MAILS / (time.perf_counter() - started)
