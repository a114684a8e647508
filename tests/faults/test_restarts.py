"""Each of the five is killed in the middle of 2,000 orders: nothing is lost, nothing inside happens twice (F6)."""

from collections import Counter

import pytest

from common.events import MessageRequested, MessageSent, OrderCreated
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import sender_account
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform
from tests.support.results import keep

ORDERS = 2_000
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")


@pytest.mark.parametrize("victim", SERVICES)
async def test_a_service_killed_twice_in_the_middle_of_2000_orders(
    platform: Platform, mail: MailServer, victim: str
) -> None:
    """F6: the oracle is what was published, compared with the mail server and the databases."""
    apart = await platform.apart(unique("restart"))
    services = {name: await apart.service(name, LEASE_SECONDS="2") for name in SERVICES}
    partner = await announce_partner(apart.io)
    mia = await announce_person(apart.io, partner, "manager", email=f"{unique('mia')}@x.example".replace("_", "-"))
    await sender_account(services["outbox"], mail, partner=partner)
    headers = apart.tokens.headers(partner)

    async def known() -> bool:
        sample = {"order_number": "1"}
        url = "/kinds/order.created/dry-run"
        answer = await services["notifications"].http.post(url, json=sample, headers=headers)
        return answer.status_code == 200 and answer.json()["recipients"][0]["address"] == mia.email

    await eventually(known)
    numbers = [f"n-{i}" for i in range(ORDERS)]
    requested, sent = apart.io.follow(MessageRequested), apart.io.follow(MessageSent)
    half = ORDERS // 2
    for part, killed_at in ((numbers[:half], 100), (numbers[half:], half + 100)):
        await apart.io.publish_many([(n, OrderCreated(partner_id=partner, order_number=n)) for n in part])
        await eventually(lambda at=killed_at: len(mail.to(mia.email)) >= at, timeout=60)
        services[victim].kill()
        await services[victim].start()
    await eventually(lambda: len({e.data.message_id for e in sent.events}) == ORDERS, timeout=90)

    copies = Counter(got.message_id for got in mail.to(mia.email))
    marked = {f"<{e.data.message_id}@kettle.example.com>" for e in sent.events if e.data.possible_duplicate}
    doubled = {message_id for message_id, count in copies.items() if count > 1}
    row = {
        "fault": f"SIGKILL of {victim}, twice",
        "orders": ORDERS,
        "lost": ORDERS - len(copies),
        "mails_doubled": len(doubled),
        "doubled_unmarked": len(doubled - marked),
        "stuck": await services["outbox"].database["messages"].count_documents({"status": {"$ne": "SENT"}}),
    }
    keep(row)
    assert row["lost"] == row["doubled_unmarked"] == row["stuck"] == 0, row
    assert {e.data.order_number for e in requested.events} == set(numbers)
    assert len({e.data.message_id for e in requested.events}) == ORDERS
    assert await services["notifications"].database["decisions"].count_documents({}) == ORDERS
    assert await services["outbox"].database["messages"].count_documents({}) == ORDERS

    async def timeline_is_whole() -> bool:
        return await services["crm"].database["timeline"].count_documents({}) == ORDERS

    await eventually(timeline_is_whole, timeout=30)
