"""Requested messages per second that the outbox keeps, against a bare loop that writes the same records.

They may leave in an hour only, so nothing of sending is in it: their accounts are looked up, they are validated, made
searchable and kept, durably, with everything by which they are found again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bench.bare.process import Bare
from bench.outbox import mails
from bench.replica import WARM
from bench.runner import Row, in_turn
from bench.setting import platform, rate_of
from common.events import Event
from tests.support.mail import MailServer
from tests.support.messages import sender_account
from tests.support.platform import Platform, free_port

REQUESTS = 20_000
PARTNERS = 20
GOAL = 0.5


async def bench() -> Sequence[Row]:
    """The row: the outbox's rate over the bare loop's."""
    async with platform() as at:
        bare, ours = await in_turn(lambda number: bare_rate(at, number), lambda number: service_rate(at, number))
    return [Row("outbox: requested messages accepted", ours, "messages/s", bare, GOAL)]


async def service_rate(at: Platform, number: int) -> float:
    """Messages per second that an outbox keeps, from the backlog that it finds when it starts."""
    own = await at.apart(f"accepting {number}")
    outbox = await own.service("outbox")
    for partner in partners():
        await sender_account(outbox, MailServer(port=free_port()), partner=partner)
    await outbox.stop()
    await own.io.publish_many(requests())
    try:
        kept = outbox.database["messages"].estimated_document_count
        return await rate_of(kept, WARM + REQUESTS, lambda: outbox.start(wait=False), WARM)
    finally:
        await outbox.stop()


async def bare_rate(at: Platform, number: int) -> float:
    """Messages per second that the bare loop keeps."""
    own = await at.apart(f"accepting, bare {number}")
    await own.io.publish_many(requests())
    bare = Bare("keep", own)
    try:
        return await rate_of(bare.database["messages"].estimated_document_count, WARM + REQUESTS, bare.start, WARM)
    finally:
        await bare.end()


def partners() -> list[str]:
    return [f"prt_{i}" for i in range(PARTNERS)]


def requests() -> list[tuple[str, Event]]:
    """As many of each partner, none of which may leave yet."""
    later = datetime.now(UTC) + timedelta(hours=1)
    each = (WARM + REQUESTS) // PARTNERS
    of_all = zip(*(mails(each, partner, not_before=later) for partner in partners()), strict=True)
    return [one for turn in of_all for one in turn]
