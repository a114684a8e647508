"""The outbox while an HTTP gateway fails, and while it is killed in the middle of what it says to one (B10, F6)."""

from collections import Counter
from collections.abc import Sequence

import pytest

from common.events import MessageRequested
from tests.outbox.texting import add_account, http_fields, sms, smsapi_fields
from tests.support.eventually import eventually, unique
from tests.support.gateways import (
    DROPPED,
    DROPPED_AFTER,
    SILENT,
    SILENT_AFTER,
    Gateway,
    Scripted,
    listening,
)
from tests.support.messages import box, request, settled
from tests.support.platform import Platform, Service
from tests.support.results import keep

TEXTS, CONNECTIONS = 20, 4
QUICK = {"RETRY_SCHEDULE_SECONDS": "0.1", "GATEWAY_TIMEOUT_SECONDS": "0.5", "LEASE_SECONDS": "1"}
FAULTS = {
    "429 with Retry-After": Scripted(429, headers={"Retry-After": "1"}),
    "500": Scripted(500),
    "502 though it took the request": Scripted(502, after=True),
    "no answer, nor the request taken": SILENT,
    "no answer though it took the request": SILENT_AFTER,
    "the connection dropped before it took the request": DROPPED,
    "the connection dropped after it took the request": DROPPED_AFTER,
}


async def close(
    fault: str, outbox: Service, partner: str, gateway: Gateway, wanted: Sequence[MessageRequested]
) -> dict[str, str | int | float]:
    """Compare what was asked for with the gateway and the database; keep the row."""
    ids = {one.recipient.address.lstrip("+"): one.message_id for one in wanted}
    copies = Counter(text.to.lstrip("+") for text in gateway.accepted)
    marked = {found["id"] for found in await box(outbox, partner) if found["possible_duplicate"]}
    doubled = [number for number in ids if copies[number] > 1]
    row: dict[str, str | int | float] = {
        "fault": fault,
        "texts": len(wanted),
        "requests": len(gateway.posts()),
        "lost": sum(copies[number] == 0 for number in ids),
        "mails_doubled": len(doubled),
        "doubled_unmarked": sum(ids[number] not in marked for number in doubled),
        "marked": len(marked),
    }
    keep(row)
    return row


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_a_gateway_does_to_each_text_once_loses_and_doubles_nothing(platform: Platform, fault: str) -> None:
    """B10: it knows its own by the id that every attempt has, so nothing is in doubt either."""
    outbox = await platform.service("outbox", instance="gateways", **QUICK)
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        wanted = [sms(partner) for _ in range(TEXTS)]
        gateway.script = {one.recipient.address: [FAULTS[fault]] for one in wanted}
        await request(outbox, *wanted)
        await settled(outbox, partner, *["SENT"] * TEXTS, timeout=60)
        row = await close(f"a gateway: {fault}, once for each text", outbox, partner, gateway, wanted)
    assert row["lost"] == row["mails_doubled"] == row["marked"] == 0, row
    assert row["requests"] == 2 * TEXTS, row


@pytest.mark.parametrize("header", ["Idempotency-Key", None])
async def test_a_crash_between_a_gateways_yes_and_our_hearing_it(platform: Platform, header: str | None) -> None:
    """B10, F6: handed in again under the same key; doubled, and marked, only where the gateway knows no keys."""
    outbox = await platform.service("outbox", instance=unique("crash"), RETRY_SCHEDULE_SECONDS="0.1", LEASE_SECONDS="1")
    async with listening(Gateway()) as gateway:
        fields = http_fields(gateway, idempotency_header=header, max_connections=CONNECTIONS)
        partner, _ = await add_account(outbox, fields)
        wanted = [sms(partner) for _ in range(TEXTS)]
        gateway.script = {one.recipient.address: [SILENT_AFTER] for one in wanted}
        await request(outbox, *wanted)
        await eventually(lambda: len(gateway.accepted) == CONNECTIONS, what="as many texts as it has connections")
        outbox.kill()
        gateway.script = {}
        await outbox.start()
        await settled(outbox, partner, *["SENT"] * TEXTS, timeout=30)
        knows = "knows texts again" if header else "knows none again"
        fault = f"SIGKILL after a gateway that {knows} took them, before it said so"
        row = await close(fault, outbox, partner, gateway, wanted)
    assert row["lost"] == row["doubled_unmarked"] == 0, row
    assert row["mails_doubled"] == (0 if header else CONNECTIONS), row
    assert len(gateway.posts()) >= TEXTS + CONNECTIONS, row
