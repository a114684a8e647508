"""The box of a partner with a million messages: its first page over HTTP, by every kind of filter."""

import random
import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from bench.outbox import HTML, TEXT
from bench.runner import Row
from bench.setting import platform
from outbox import search
from tests.support.platform import Service

MESSAGES = 1_000_000
AT_ONCE = 2_000
TIMES = 9
GOAL_MS = 20.0
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(seconds=20)
PARTNER = "prt_box"
MARCH = {"since": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}
QUERIES: dict[str, dict[str, Any]] = {
    "everything": {},
    "SENT": {"status": "SENT"},
    "ERROR": {"status": "ERROR"},
    "WAITING": {"status": "WAITING"},
    "sms": {"channel": "sms"},
    "failed sms": {"channel": "sms", "status": "ERROR"},
    "an order": {"order_number": "A-777"},
    "March": MARCH,
    "executed in March": MARCH | {"by": "executed_at"},
    "failed in March": MARCH | {"by": "executed_at", "status": "ERROR"},
    "half of all recipients": {"recipient": "mail.example"},
    "a word of many": {"recipient": "info"},
    "a word of some": {"recipient": "anna.nowak"},
    "a word of few": {"recipient": "shop123."},
    "one address": {"recipient": "info@shop7.example"},
    "nobody": {"recipient": "zzz"},
    "failed, a word of many": {"recipient": "info", "status": "ERROR"},
    "in March, a word of few": MARCH | {"recipient": "shop123."},
    "a phone number": {"recipient": "600 000 0"},
}


async def bench() -> Sequence[Row]:
    """The rows: the slowest filter's first page, and the counts."""
    async with platform() as at:
        outbox = await at.service("outbox")
        await fill(outbox)
        took = {name: await median_ms(outbox, "/messages", query) for name, query in QUERIES.items()}
        counts = await median_ms(outbox, "/messages/counts", {})
    for name, ms in took.items():
        print(f"  {name}: {ms:.1f} ms")
    slowest = max(took, key=lambda name: took[name])
    return [
        Row(f"box of {MESSAGES:,}: first page, slowest: {slowest}", took[slowest], "ms", goal=GOAL_MS, at_most=True),
        Row(f"box of {MESSAGES:,}: counts", counts, "ms"),
    ]


async def fill(outbox: Service) -> None:
    """Write the messages straight into the database of the running service, past its intake."""
    documents = messages()
    while part := list(islice(documents, AT_ONCE)):
        await outbox.database["messages"].insert_many(part, ordered=False)


def messages() -> Iterator[dict[str, Any]]:
    """Of one company that writes to people at a big mail host and at 3,000 shops, and now and then an SMS."""
    dice = random.Random(1)
    for i in range(MESSAGES):
        at = BEGAN + i * EVERY
        is_sms = dice.random() < 0.001
        address = f"+48{600_000_000 + dice.randrange(1_000_000)}" if is_sms else _address(dice)
        [status] = dice.choices(("SENT", "ERROR", "WAITING"), (980, 19, 1))
        is_over = status != "WAITING"
        reply = "250 2.0.0 OK" if status == "SENT" else "550 5.1.1 no such mailbox"
        attempt = {"at": at, "ended_at": at, "outcome": "sent", "reply": reply, "code": 250, "enhanced": None}
        yield {
            "_id": f"msg_{dice.getrandbits(80):020x}",
            "partner_id": PARTNER,
            "account_id": "acc_1" if is_over else None,
            "kind": "order.created",
            "channel": "sms" if is_sms else "email",
            "recipient": {
                "address": address,
                "name": "Ann",
                "person_id": None,
                "reasons": ["holds the role sales"],
                "words": search.words(address),
            },
            "content": {"subject": f"New order A-{i // 3}", "text": TEXT, "html": HTML},
            "order_number": f"A-{i // 3}",
            "priority": 5,
            "rank": 5,
            "event": {"source": "/bench", "id": f"e-{i}", "time": at},
            "escalation": None,
            "trace": None,
            "status": status,
            "requested_at": at,
            "due_since": at,
            "due_at": at if is_over else None,
            "executed_at": at + timedelta(seconds=dice.uniform(0.1, 100)) if is_over else None,
            "error": None if status == "SENT" else reply,
            "attempts": [attempt] if is_over else [],
            "possible_duplicate": False,
        }


def _address(dice: random.Random) -> str:
    domain = "mail.example" if dice.random() < 0.5 else f"shop{dice.randrange(3_000)}.example"
    if dice.random() < 0.05:
        return f"info@{domain}"
    first, last = dice.choice(("anna", "bob", "celina", "dan", "ewa", "filip")), dice.choice(("nowak", "kowal", "lis"))
    return f"{first}.{last}{dice.randrange(100)}@{domain}"


async def median_ms(outbox: Service, url: str, query: dict[str, Any]) -> float:
    """How long the answer takes; the first time is not counted."""
    took: list[float] = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        answer = await outbox.http.get(url, params=query, headers=outbox.tokens.headers(PARTNER))
        took.append((time.perf_counter() - began) * 1_000)
        answer.raise_for_status()
    return statistics.median(took[1:])
