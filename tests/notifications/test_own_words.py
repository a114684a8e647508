"""What a partner wrote instead of a kind's words: his mistakes are his, and cost nobody else anything (A6)."""

import asyncio
import time

from common.events import MessageRequested, OrderCreated
from common.events.marketplace import OrderLine
from tests.notifications.steps import tells
from tests.support.eventually import unique
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform, Service

KIND, MANY = "order.created", 8
MOST = 3
"""Dead letters in a minute, before a reader stops."""


async def partner_of(service: Service, **words: str) -> str:
    """A partner whose manager is told, in these words of his own."""
    partner = await announce_partner(service.io)
    mia = await announce_person(service.io, partner, "manager")
    await tells(service, partner, ("email", mia.email))
    if words:
        url, headers = f"/settings/{KIND}/words/en", service.tokens.headers(partner)
        answer = await service.http.put(url, json=words, headers=headers)
        assert answer.status_code == 200, answer.text
    return partner


async def test_own_words_that_cannot_be_filled_stop_nobody(platform: Platform) -> None:
    """A6, A8, F6: the example has lines, orders need not; those who are meant are told in the kind's words, and the
    orders of others are read, however many such there are."""
    settings = {"KAFKA_DEAD_LETTERS_PER_MINUTE": str(MOST)}
    service = await platform.service("notifications", instance="own-words", **settings)
    wrong, other = await partner_of(service, intro="{{ data.lines[0].quantity - 1 }}"), await partner_of(service)
    for number in range(MOST + 1):
        await service.io.publish(OrderCreated(partner_id=wrong, order_number=f"O-{number}"), event_id=unique("e"))
    requested = service.io.follow(MessageRequested)
    told = await requested.wait_for(lambda e: e.data.partner_id == wrong, count=MOST + 1)
    assert {event.data.content.subject for event in told} == {f"New order O-{number}" for number in range(MOST + 1)}
    await service.io.publish(OrderCreated(partner_id=other, order_number="O-1"), event_id=unique("e"))
    await requested.wait_for(lambda e: e.data.partner_id == other)


async def test_own_words_that_cost_much_keep_nobody_waiting(platform: Platform) -> None:
    """A6: of an order with many lines, to many people."""
    service = await platform.service("notifications", instance="costly-words")
    loops = "{% for a in data.lines %}{% for b in data.lines %}{{ '' if a.name|title|float }}{% endfor %}{% endfor %}"
    partner = await partner_of(service, intro=loops, subject=f"New order{loops}")
    people = [await announce_person(service.io, partner, "manager") for _ in range(MANY)]
    lines = [OrderLine(name="Kettle", quantity=1)] * 120
    requested, slowest = service.io.follow(MessageRequested), 0.0
    order = OrderCreated(partner_id=partner, order_number="O-1", lines=lines)
    for _ in range(MANY):
        await service.io.publish(order, event_id=unique("e"))
    telling = asyncio.create_task(requested.wait_for(lambda e: e.data.partner_id == partner, count=MANY * len(people)))
    while not telling.done():
        began = time.monotonic()
        assert (await service.http.get("/livez")).status_code == 200
        slowest = max(slowest, time.monotonic() - began)
    assert {event.data.recipient.address for event in await telling} >= {one.email for one in people}
    assert slowest < 2
