"""What was asked for, written down before it is published: the oracle of the outbox's fault tests."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from common.events import MessageRequested, MessageSent
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import message, request, sender_account
from tests.support.platform import Service
from tests.support.results import keep

PARTNERS = 8
PUBLISHED_AT_ONCE = 1_000
DOMAIN = "kettle.example.com"


@dataclass
class Ledger:
    """Messages for one recipient each; `server` is where the partners' accounts lead to."""

    outbox: Service
    server: MailServer
    accounts: dict[str, str]
    """By partner."""
    wanted: dict[str, MessageRequested]
    """By recipient."""

    @classmethod
    async def written(cls, outbox: Service, server: MailServer, count: int, **account: Any) -> "Ledger":
        """A ledger of `count` messages of a few partners; `account` replaces fields of their accounts."""
        made = [sender_account(outbox, server, **account) for _ in range(min(PARTNERS, count))]
        accounts = dict(await asyncio.gather(*made))
        partners = list(accounts)
        addresses = [f"{unique('to').replace('_', '-')}@x.example" for _ in range(count)]
        wanted = {one: message(partners[i % len(partners)], one) for i, one in enumerate(addresses)}
        return cls(outbox, server, accounts, wanted)

    async def publish(self) -> None:
        """Publish everything that is written down."""
        messages = list(self.wanted.values())
        for i in range(0, len(messages), PUBLISHED_AT_ONCE):
            await request(self.outbox, *messages[i : i + PUBLISHED_AT_ONCE])

    async def arrived(self, share: float) -> None:
        """Wait until this share of the mails has come to the mail server."""
        count = int(share * len(self.wanted))
        await eventually(lambda: len(self.server.received) >= count, 120, f"{count} mails at the server")

    async def all_sent(self, timeout: float = 120) -> float:
        """Wait until every message is SENT; returns the seconds it took."""
        began, messages = time.monotonic(), self.outbox.database["messages"]

        async def sent() -> bool:
            return await messages.count_documents({"status": "SENT"}) == len(self.wanted)

        await eventually(sent, timeout, "every message being SENT")
        return time.monotonic() - began

    async def close(self, fault: str, **more: float) -> dict[str, str | int | float]:
        """Compare what is written down with the mail server, the database and what was announced; keep the row."""
        messages = self.outbox.database["messages"]
        copies = Counter(address for mail in self.server.received for address in mail.recipients)
        doubled = [address for address in self.wanted if copies[address] > 1]
        ids = {address: {mail.message_id for mail in self.server.to(address)} for address in doubled}
        marked = {one["_id"] async for one in messages.find({"possible_duplicate": True}, {"_id": 1})}
        told = self.outbox.io.follow(MessageSent)
        wanted = {one.message_id for one in self.wanted.values()}
        await eventually(lambda: {e.data.message_id for e in told.events} >= wanted, 60, "every message.sent")
        row: dict[str, str | int | float] = {
            "fault": fault,
            "mails": len(self.wanted),
            "lost": sum(copies[address] == 0 for address in self.wanted),
            "mails_doubled": len(doubled),
            "doubled_unmarked": sum(self.wanted[address].message_id not in marked for address in doubled),
            "doubled_with_another_id": sum(len(found) > 1 for found in ids.values()),
            "stuck": await messages.count_documents({"status": {"$ne": "SENT"}}),
            "told_wrongly": len({e.data.message_id for e in told.events} - wanted),
            **more,
        }
        keep(row)
        return row


def is_clean(row: dict[str, str | int | float]) -> bool:
    """Nothing lost, stuck or told wrongly, and nothing doubled but what is marked and has its old Message-ID."""
    return not any(
        row[name] for name in ("lost", "doubled_unmarked", "doubled_with_another_id", "stuck", "told_wrongly")
    )
