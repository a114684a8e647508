"""Resending and deleting, one by one, in bulk, and all at the same time (B3, B4)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service

PRESSES = 100


async def press(services: Sequence[Service], url: str, headers: dict[str, str]) -> list[httpx.Response]:
    """A hundred clients, each with a connection of its own, press at the same time."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=services[i % len(services)].url, timeout=30))
            for i in range(PRESSES)
        ]
        await asyncio.gather(*(client.get("/livez") for client in clients))
        return await asyncio.gather(*(client.post(url, headers=headers) for client in clients))


def reason_of(answer: httpx.Response) -> str:
    return answer.json()["type"].rpartition("/")[2]


@pytest.mark.parametrize(
    ("reply", "status"), [("550 5.1.1 no such mailbox", "ERROR"), ("450 4.2.0 greylisted", "WAITING")]
)
async def test_a_hundred_simultaneous_resends_send_once(
    platform: Platform, mail: MailServer, reply: str, status: str
) -> None:
    """B4: over two replicas; whoever is not the first is told why not."""
    apart = await platform.apart("two-replicas")
    outbox = await apart.service("outbox")
    two = [outbox, await apart.replica(outbox)]
    partner, _ = await sender_account(outbox, mail)
    headers = outbox.tokens.headers(partner)
    to = f"{unique('pressed').replace('_', '-')}@x.example"
    mail.answer(to, [reply])
    wanted = message(partner, to)
    await request(outbox, wanted)
    [row] = await settled(outbox, partner, status)
    while row["attempts"] == 0:  # it waits before its first attempt too
        [row] = await settled(outbox, partner, status)
    answers = await press(two, f"/messages/{wanted.message_id}/resend", headers)
    [row] = await settled(outbox, partner, "SENT")
    assert (row["attempts"], row["possible_duplicate"], len(mail.to(to))) == (2, False, 1)
    codes = Counter(answer.status_code for answer in answers)
    assert codes[200] >= 1
    assert codes[200] + codes[409] == PRESSES, codes
    assert {reason_of(one) for one in answers if one.status_code == 409} <= {"still-sending", "already-sent"}
    again = await outbox.http.post(f"/messages/{wanted.message_id}/resend", headers=headers)
    assert (again.status_code, reason_of(again)) == (409, "already-sent")
    for one in two[1:]:
        await one.stop()


async def bulk(outbox: Service, partner: str, action: str, **query: Any) -> list[dict[str, Any]]:
    """Go through all pages of a bulk request; the items of all of them."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        params = query | ({"cursor": cursor} if cursor else {})
        answer = await outbox.http.post(f"/messages/{action}", params=params, headers=outbox.tokens.headers(partner))
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) <= query["limit"]
        items += answer.json()["items"]
        cursor = answer.json()["next"]
        if cursor is None:
            return items


async def test_everything_that_failed_is_sent_again_in_one_go(platform: Platform, mail: MailServer) -> None:
    """B4: by filter, in pages, with a result for each; what was sent is not sent again."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    bad = [f"{unique('bad').replace('_', '-')}@x.example" for _ in range(5)]
    for to in bad:
        mail.answer(to, ["550 5.1.1 no such mailbox"])
    good = message(partner, "good@x.example")
    await request(outbox, good, *(message(partner, to) for to in bad))
    rows = await settled(outbox, partner, "SENT", *["ERROR"] * 5)
    failed = {row["id"] for row in rows if row["status"] == "ERROR"}
    refused = await bulk(outbox, partner, "resend", status="SENT", limit=2)
    assert [(one["id"], one["done"], one["reason"]) for one in refused] == [(good.message_id, False, "already-sent")]
    items = await bulk(outbox, partner, "resend", recipient="bad", limit=2)
    assert {one["id"] for one in items if one["done"]} == failed
    await settled(outbox, partner, *["SENT"] * 6)
    assert [len(mail.to(to)) for to in bad] == [1] * 5


async def test_deleting_by_filter_leaves_what_is_being_sent(platform: Platform) -> None:
    """B3: a result for each, and nothing beyond the filter."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    wanted = [message(partner, f"ann{i}@x.example", order_number=f"O-{i % 2}") for i in range(6)]
    await request(outbox, *wanted)
    await settled(outbox, partner, *["WAITING"] * 6)
    now = datetime.now(UTC)
    claim = {"token": "t", "at": now, "until": now + timedelta(minutes=5)}
    await outbox.database["messages"].update_one(
        {"_id": wanted[0].message_id}, {"$set": {"status": "SENDING", "claim": claim}}
    )
    items = {one["id"]: one for one in await bulk(outbox, partner, "delete", order_number="O-0", limit=2)}
    assert {key: (one["done"], one["reason"]) for key, one in items.items()} == {
        wanted[0].message_id: (False, "still-sending"),
        wanted[2].message_id: (True, None),
        wanted[4].message_id: (True, None),
    }
    left = {one["id"] for one in await box(outbox, partner)}
    assert left == {wanted[i].message_id for i in (0, 1, 3, 5)}


@pytest.mark.parametrize("action", ["resend", "delete"])
@pytest.mark.parametrize(
    "query", ["status=ERROR&recipent=ann", "status=SENT&status=ERROR", "status=ERROR&Order_number=1"]
)
async def test_a_bulk_request_with_a_misspelt_filter_is_refused(platform: Platform, action: str, query: str) -> None:
    """B3, B4: it would be about more messages than whoever wrote it meant."""
    outbox = await platform.service("outbox")
    headers = outbox.tokens.headers(unique("prt"))
    answer = await outbox.http.post(f"/messages/{action}?{query}", headers=headers)
    assert (answer.status_code, reason_of(answer)) == (422, "invalid")
    assert "recipient, order_number" in answer.json()["detail"]


@pytest.mark.parametrize("typed", ["", "recipient=", "recipient=%20&order_number=", "recipient=%CC%81"])
@pytest.mark.parametrize("action", ["resend", "delete"])
async def test_a_bulk_request_without_a_filter_is_refused(platform: Platform, action: str, typed: str) -> None:
    """B3, B4: nobody empties the box by leaving something out, or a field of a form empty."""
    outbox = await platform.service("outbox")
    answer = await outbox.http.post(f"/messages/{action}?{typed}", headers=platform.tokens.headers(unique("prt")))
    assert (answer.status_code, reason_of(answer)) == (422, "filter-needed")


async def test_deleting_races_with_delivery(platform: Platform, mail: MailServer) -> None:
    """B3: what was refused is there and was sent, what was deleted is gone for good."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    wanted = [message(partner, f"raced{i}@x.example") for i in range(40)]
    headers = platform.tokens.headers(partner)
    await request(outbox, *wanted)

    async def code_of_deletion(message_id: str) -> int:
        async def code() -> int:
            status = (await outbox.http.delete(f"/messages/{message_id}", headers=headers)).status_code
            return status if status != 404 else 0

        return await eventually(code)

    codes = await asyncio.gather(*(code_of_deletion(one.message_id) for one in wanted))
    kept = {one.message_id: "SENT" for one, code in zip(wanted, codes, strict=True) if code == 409}
    assert set(codes) <= {204, 409}

    async def is_settled() -> bool:
        return {row["id"]: row["status"] for row in await box(outbox, partner)} == kept

    await eventually(is_settled)
