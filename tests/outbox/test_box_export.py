"""The box as a file (B1, B5)."""

import csv
import io

from common import sheets
from common.events import Content, Recipient
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service


async def export(outbox: Service, partner: str, **query: str) -> list[dict[str, str]]:
    answer = await outbox.http.get("/messages.csv", params=query, headers=outbox.tokens.headers(partner))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_the_file_has_the_columns_and_the_filters_of_the_box(platform: Platform, mail: MailServer) -> None:
    """B1, B5."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    bad = f"{unique('bad').replace('_', '-')}@x.example"
    mail.answer(bad, "550 5.1.1 no such mailbox")
    sent = message(partner, "ann@x.example", content=Content(subject='A "good", kettle\nnew', text="t"))
    failed = message(partner, bad, order_number="O-7")
    await request(outbox, sent, failed)
    await settled(outbox, partner, "SENT", "ERROR")
    [row] = await export(outbox, partner, status="SENT")
    assert (row["id"], row["recipient"], row["recipient_name"]) == (sent.message_id, "ann@x.example", "Ann")
    assert (row["title"], row["account"], row["error"]) == ('A "good", kettle\nnew', "Shop", "")
    [row] = await export(outbox, partner, order_number="O-7")
    assert (row["status"], row["error"], row["order_number"]) == ("ERROR", "550 5.1.1 no such mailbox", "O-7")
    assert row["executed_at"] >= row["requested_at"] > "2026"
    assert await export(outbox, partner, status="WAITING") == []


async def test_nothing_in_the_file_is_a_formula(platform: Platform) -> None:
    """B1: titles, names and order numbers come from others."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    evil = ('=HYPERLINK("http://evil.example")', "a;=1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1")
    wanted = [
        message(
            partner,
            "ann@x.example",
            content=Content(subject=text, text="t"),
            recipient=Recipient(address="ann@x.example", name=text, reasons=[]),
            order_number=text.strip(),
        )
        for text in evil
    ]
    await request(outbox, *wanted)
    await settled(outbox, partner, *["WAITING"] * len(evil))
    rows = await export(outbox, partner)
    assert sorted(sheets.plain(row["title"]) for row in rows) == sorted(evil)
    for row in rows:
        values = [value for field in row.values() for value in field.split(";")]
        assert not [value for value in values if value.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


async def test_the_file_has_everything_and_comes_in_parts(platform: Platform) -> None:
    """B1: more than a page, each message once, and the first part before the last was read."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    wanted = [message(partner, f"ann{i}@x.example") for i in range(1_200)]
    await request(outbox, *wanted)

    async def all_there() -> bool:
        counts = await outbox.http.get("/messages/counts", headers=outbox.tokens.headers(partner))
        return counts.json()["WAITING"] == len(wanted)

    await eventually(all_there, timeout=30)
    headers = outbox.tokens.headers(partner)
    parts: list[bytes] = []
    async with outbox.http.stream("GET", "/messages.csv", headers=headers) as answer:
        async for part in answer.aiter_raw():
            parts.append(part)
    rows = list(csv.DictReader(io.StringIO(b"".join(parts).decode(), newline="")))
    assert sorted(row["id"] for row in rows) == sorted(one.message_id for one in wanted)
    assert answer.headers["transfer-encoding"] == "chunked"
    assert len(parts) > 2
    assert len(await box(outbox, partner, limit=200)) == 200
