"""How long an order takes to the mail server, at a steady pace, and what the services need for it."""

import asyncio
import re
import statistics
import time
from collections.abc import Sequence

import psutil

from bench.runner import Row
from bench.setting import platform, timing_sink
from common.events import ContactChanged, OrderCreated, PartnerChanged
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

PER_SECOND = 200
SECONDS = 15
PARTNERS = 50
GOAL_P99_MS = 250
NUMBER = re.compile(r"L-(\d+)")
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")


async def bench() -> Sequence[Row]:
    """The rows: p50 and p99 from the event to the server's acceptance, and each service's memory."""
    with timing_sink() as sink:
        async with platform() as at:
            services = [await at.service(name) for name in SERVICES]
            idle = {service.name: _memory(service) for service in services}
            await set_up(at, sink.port)
            sent = await publish_paced(at)
            await eventually(lambda: len(sink.arrived) >= len(sent), timeout=60, what="every mail")
            loaded = {service.name: _memory(service) for service in services}
    took = sorted((sink.arrived[number] - at_time) * 1000 for number, at_time in sent.items())
    rows = [
        Row(f"latency: event to accepted mail, p50 at {PER_SECOND}/s", statistics.median(took), "ms"),
        Row("latency: the same, p99", took[int(len(took) * 0.99)], "ms", goal=GOAL_P99_MS, at_most=True),
    ]
    for name in SERVICES:
        rows.append(Row(f"memory: {name}, idle", idle[name], "MB"))
        rows.append(Row(f"memory: {name}, under that load", loaded[name], "MB"))
    return rows


async def set_up(at: Platform, port: int) -> None:
    """Partners, their managers and accounts."""
    outbox, notifications = await at.service("outbox"), await at.service("notifications")
    for i in range(PARTNERS):
        partner, address = f"prt_{i}", f"m{i}@p{i}.example.com"
        state = PartnerChanged(partner_id=partner, version=1, name=f"P{i}", owner_email=address)
        await at.io.publish(state, event_id=f"p{i}", source="/identity")
        person = ContactChanged(
            partner_id=partner, person_id=f"per{i}", version=1, first_name="M", email=address, roles=["manager"]
        )
        await at.io.publish(person, event_id=f"c{i}", source="/contacts")
        account = {"name": "S", "from_address": f"s@p{i}.example.com", "host": "127.0.0.1", "port": port, "tls": "none"}
        headers = at.tokens.headers(partner)
        made = await outbox.http.post("/accounts", json=account | {"is_default": True}, headers=headers)
        made.raise_for_status()

        async def known(headers: dict[str, str] = headers) -> bool:
            sample = {"order_number": "1"}
            answer = await notifications.http.post("/kinds/order.created/dry-run", json=sample, headers=headers)
            return answer.status_code == 200 and answer.json()["recipients"][0]["person_id"] is not None

        await eventually(known)


async def publish_paced(at: Platform) -> dict[int, float]:
    """Publish at a steady pace; returns when each order was published."""
    sent: dict[int, float] = {}
    begin = time.time()
    for number in range(PER_SECOND * SECONDS):
        ahead = begin + number / PER_SECOND - time.time()
        if ahead > 0:
            await asyncio.sleep(ahead)  # the pace itself is what is measured
        order = OrderCreated(partner_id=f"prt_{number % PARTNERS}", order_number=f"L-{number}")
        sent[number] = time.time()
        asyncio.get_running_loop().create_task(at.io.publish(order, event_id=f"l{number}"))
    return sent


def _memory(service: Service) -> float:
    assert service.process is not None
    return psutil.Process(service.process.pid).memory_info().rss / 1e6
