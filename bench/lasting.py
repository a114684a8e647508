"""What an outbox has of memory after very many mails, over what it has after some."""

from collections.abc import Sequence

from bench.outbox import mails, open_account
from bench.runner import Row
from bench.setting import Progress, platform, smtp_sink
from common.events import MessageSent
from tests.support.needs import memory_mb
from tests.support.platform import Service

MAILS = 200_000
PART = 20_000
"""So many are published at once; after the first of these parts memory is looked at for the first time."""
PARTNER = "prt_0"
GOAL = 1.1


async def bench() -> Sequence[Row]:
    """The row: memory after all over that after the first part."""
    memory: list[float] = []
    with smtp_sink() as port:
        async with platform() as at:
            outbox = await at.service("outbox")
            await open_account(outbox, port, PARTNER)
            for first in range(0, MAILS, PART):
                await Progress(at, MessageSent.TOPIC).rate(PART, lambda first=first: publish(outbox, first))
                memory.append(memory_mb(outbox))
    return [Row(f"outbox: memory after {MAILS:,} mails", memory[-1], "MB", memory[0], GOAL, at_most=True)]


async def publish(outbox: Service, first: int) -> None:
    await outbox.io.publish_many(mails(PART, PARTNER, first))
