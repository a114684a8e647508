"""How long an order takes to the mail server at a steady pace, alone and beside a campaign, and what services need."""

import asyncio
import statistics
import time
from collections.abc import Sequence

from bench.marketplace import Marketplace, everybody_known
from bench.runner import Row
from bench.setting import TimingSink, paced, platform, timing_sink
from common.events import CampaignLaunched, OrderCreated
from tests.support.eventually import eventually
from tests.support.needs import cpu_seconds, memory_mb
from tests.support.platform import Platform, Service

PER_SECOND = 200
SECONDS = 15
WARM_SECONDS = 2
"""The same pace before what is measured: connections to mail servers are made."""
ORDERING = 50
"""Partners who get orders; the campaign reaches all, for longer than orders are measured."""
MARKETPLACE = Marketplace(partners=10_000)
GOAL_P99_MS = 250
GOAL_BESIDE_CAMPAIGN = 2.0
IDLE_SECONDS = 10.0
SETTLE_SECONDS = 5.0
GOAL_IDLE_CPU = 1.0
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")


async def bench() -> Sequence[Row]:
    """The rows: p50 and p99 from the event to the server's acceptance, p99 beside a campaign, each service's memory."""
    with timing_sink() as sink:
        async with platform() as at:
            services = [await at.service(name) for name in SERVICES]
            cpu = await idle_cpu(services)
            idle = {service.name: memory_mb(service) for service in services}
            await set_up(at, sink.port)
            alone = await took_ms(sink, await publish_paced(at, first=0))
            loaded = {service.name: memory_mb(service) for service in services}
            launched = await launch_campaign(at)
            sent = await publish_paced(at, first=PER_SECOND * (WARM_SECONDS + SECONDS))
            seconds, left = time.monotonic() - launched, await campaign_mails_sent(at)
            await partners_told(at)  # fails if the campaign was over before the orders
            beside = await took_ms(sink, sent)
    rows = [
        Row(f"latency: event to accepted mail, p50 at {PER_SECOND}/s", statistics.median(alone), "ms"),
        Row("latency: the same, p99", p99(alone), "ms", goal=GOAL_P99_MS, at_most=True),
        Row("latency: p99 beside a campaign", p99(beside), "ms", p99(alone), GOAL_BESIDE_CAMPAIGN, at_most=True),
        Row("latency: the campaign's mails meanwhile", left / seconds, "mails/s"),
    ]
    for name in SERVICES:
        rows.append(Row(f"memory: {name}, idle", idle[name], "MB"))
        rows.append(Row(f"memory: {name}, under that load", loaded[name], "MB"))
        rows.append(Row(f"CPU: {name}, idle", cpu[name], "% of a core", goal=GOAL_IDLE_CPU, at_most=True))
    return rows


async def idle_cpu(services: Sequence[Service]) -> dict[str, float]:
    """What share of a core each of them needs, in percent, once nothing of its start is left to do."""
    await asyncio.sleep(SETTLE_SECONDS)
    before = [cpu_seconds(service) for service in services]
    await asyncio.sleep(IDLE_SECONDS)
    used = [cpu_seconds(service) - then for service, then in zip(services, before, strict=True)]
    return {service.name: took / IDLE_SECONDS * 100 for service, took in zip(services, used, strict=True)}


async def set_up(at: Platform, port: int) -> None:
    """Partners, their managers, and an account of each at the sink: one that was made, and copies for the others.

    Whoever makes an account over HTTP has it looked at soon; ten thousand looks at once would be measured too.
    """
    await at.io.publish_many(list(MARKETPLACE.states()))
    outbox = await at.service("outbox")
    account = {"name": "S", "from_address": "s@partner.example", "host": "127.0.0.1", "port": port, "tls": "none"}
    headers = at.tokens.headers("prt_0")
    made = await outbox.http.post("/accounts", json=account | {"is_default": True}, headers=headers)
    made.raise_for_status()
    accounts = outbox.database["accounts"]
    [first] = await accounts.find({}).to_list()
    others = (first | {"_id": f"acc_{i}", "partner_id": f"prt_{i}"} for i in range(1, MARKETPLACE.partners))
    await accounts.insert_many(others)
    await everybody_known(await at.service("notifications"), MARKETPLACE)


async def launch_campaign(at: Platform) -> float:
    """A campaign for everyone, and when its first partners had been told."""
    campaign = CampaignLaunched(campaign_id="c", name="Black Friday", everyone=True)
    await at.io.publish(campaign, event_id="campaign")
    await eventually(lambda: partners_told(at), what="the campaign's first partners")
    return time.monotonic()


async def partners_told(at: Platform) -> int:
    """How many partners the campaign reached. It must not be over yet."""
    notifications = await at.service("notifications")
    found = await notifications.database["fan_outs"].find_one({})
    if found and found["done"]:
        raise RuntimeError("the campaign ended before the orders: it needs more partners")
    return found["served"] if found else 0


async def campaign_mails_sent(at: Platform) -> int:
    """How many of the campaign's mails left."""
    messages = (await at.service("outbox")).database["messages"]
    return await messages.count_documents({"kind": "campaign.launched", "status": "SENT"})


async def publish_paced(at: Platform, first: int) -> dict[int, float]:
    """Publish orders at a steady pace, numbered from `first`; returns when each was published."""
    sent: dict[int, float] = {}
    async for i in paced(PER_SECOND, PER_SECOND * (WARM_SECONDS + SECONDS)):
        number = first + i
        order = OrderCreated(partner_id=f"prt_{number % ORDERING}", order_number=f"L-{number}")
        sent[number] = time.time()
        asyncio.get_running_loop().create_task(at.io.publish(order, event_id=f"l{number}"))
    return sent


async def took_ms(sink: TimingSink, sent: dict[int, float], warm: int = PER_SECOND * WARM_SECONDS) -> list[float]:
    """Milliseconds from publishing to acceptance, the first `warm` left out; sorted."""
    await eventually(lambda: sink.arrived.keys() >= sent.keys(), timeout=60, what="every mail")
    return sorted((sink.arrived[number] - sent[number]) * 1000 for number in list(sent)[warm:])


def p99(took: Sequence[float]) -> float:
    """Of sorted times."""
    return took[int(len(took) * 0.99)]
