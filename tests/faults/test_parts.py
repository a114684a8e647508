"""The broker and the database are killed in the middle of 600 orders, on a stack of this test's own (F6)."""

import asyncio
import time
from collections import Counter

import pytest

from common.auth import STAFF_ONLY
from common.events import MessageSent, OrderCreated
from local_stack import Stack
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import sender_account
from tests.support.partners import announce_partner
from tests.support.platform import Platform, Service
from tests.support.results import keep

ORDERS = 600
BACK_WITHIN_SECONDS = 5.0


async def answers(service: Service, path: str, status: int) -> bool:
    return (await service.http.get(path)).status_code == status


@pytest.mark.parametrize("part", ["mongo", "kafka"])
async def test_a_killed_part_loses_nothing_and_the_services_go_on_by_themselves(
    own: Platform, stack: Stack, mail: MailServer, part: str
) -> None:
    """F6: live but not ready while it is away, back by themselves, every order delivered."""
    notifications = await own.service("notifications")
    outbox = await own.service("outbox", LEASE_SECONDS="2", RETRY_SCHEDULE_SECONDS="0.2")
    owner = f"{unique('owner')}@x.example".replace("_", "-")
    partner = await announce_partner(own.io, owner=owner)
    await sender_account(outbox, mail, partner=partner)
    numbers = [f"n-{i}" for i in range(ORDERS)]
    await own.io.publish_many([(n, OrderCreated(partner_id=partner, order_number=n)) for n in numbers])
    await eventually(lambda: len(mail.to(owner)) > 30, timeout=30)

    await asyncio.to_thread(stack.kill, part)
    for service in (notifications, outbox):
        await eventually(lambda service=service: answers(service, "/readyz", 503), timeout=15)
        assert await answers(service, "/livez", 200)
    await asyncio.to_thread(stack.restart, part)
    back_at = time.monotonic()
    for service in (notifications, outbox):
        await eventually(lambda service=service: answers(service, "/readyz", 200), timeout=30)
    seconds = time.monotonic() - back_at

    await eventually(lambda: len({got.message_id for got in mail.to(owner)}) == ORDERS, timeout=60)
    sent = own.io.follow(MessageSent)
    await eventually(lambda: len({e.data.message_id for e in sent.events}) == ORDERS, timeout=30)
    copies = Counter(got.message_id for got in mail.to(owner))
    doubled = {message_id for message_id, count in copies.items() if count > 1}
    marked = {f"<{e.data.message_id}@kettle.example.com>" for e in sent.events if e.data.possible_duplicate}
    row = {
        "fault": f"SIGKILL of {part}",
        "orders": ORDERS,
        "lost": ORDERS - len(copies),
        "mails_doubled": len(doubled),
        "doubled_unmarked": len(doubled - marked),
        "ready_again_seconds": round(seconds, 2),
    }
    keep(row)
    assert row["lost"] == row["doubled_unmarked"] == 0, row
    assert seconds < BACK_WITHIN_SECONDS


@pytest.mark.parametrize("part", ["mongo", "kafka"])
async def test_dead_letters_are_all_kept_though_a_part_is_killed_among_them(
    own: Platform, stack: Stack, part: str
) -> None:
    """F6: each is listed once, those included that were set aside while the database was away."""
    service = await own.service("notifications", KAFKA_DEAD_LETTERS_PER_MINUTE="1000")
    staff = own.tokens.headers("platform", *STAFF_ONLY)

    async def publish(ids: range) -> None:
        for number in ids:
            headers = [("ce_id", str(number).encode()), ("ce_source", b"/s")]
            await own.io.publish_raw("order.created", key=b"k", value=b"{", headers=headers)

    async def are_open(least: int) -> bool:
        answer = await service.http.get("/dead-letters", params={"limit": 1, "total": True}, headers=staff)
        return answer.status_code == 200 and answer.json()["total"] >= least

    await publish(range(150))
    await eventually(lambda: are_open(10))
    await asyncio.to_thread(stack.kill, part)
    await eventually(lambda: answers(service, "/readyz", 503), timeout=15)
    if part == "mongo":
        await publish(range(150, 200))
        await asyncio.to_thread(stack.restart, part)
    else:
        await asyncio.to_thread(stack.restart, part)
        await publish(range(150, 200))
    await eventually(lambda: answers(service, "/readyz", 200), timeout=30)
    await eventually(lambda: are_open(200), timeout=30)
    ids = [letter["event_id"] async for letter in service.database["dead_letters"].find({})]
    assert sorted(ids, key=int) == [str(number) for number in range(200)]
