"""Reports as they change the messages that they are about, and those that came too early."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from common.ids import computed_id
from common.mongo import Document, Index, Mongo, insert_new
from outbox.domain import Status
from outbox.reports.domain import FINAL, About, Report, Verdict
from outbox.storage import LONG_AGO

_BUT_MAILS = ("channel", {"$gt": "email"})
"""Every other channel comes later in the alphabet. Mails are found by their own id."""
INDEXES = [
    Index("messages", (("account_id", 1), ("attempts.provider_id", 1)), where=(_BUT_MAILS,)),
    Index("messages", (("unannounced.due_at", 1),), where=(("unannounced", {"$exists": True}),)),
    Index("early_reports", (("about.account_id", 1), ("due_at", 1))),
]
_SENT_AGAIN = re.compile(r"-\d{1,3}$")
"""What a gateway's name for a message has behind its id once it failed (`composing.py`)."""
_WORDLESS = {"content.text": 0, "content.html": 0}
EARLY_BATCH = 200


@dataclass(frozen=True, slots=True)
class Early:
    """A report whose attempt has no result yet."""

    id: str
    about: About
    report: Report
    came_at: datetime


class ReportStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo.collection("messages")
        self._early = mongo.collection("early_reports")

    async def owner_of_all_partners(self, message_id: str) -> tuple[str, str] | None:
        """(partner, channel) of a message that a proof of ours names; None when it was deleted."""
        found = await self._messages.of_all_partners.find_one({"_id": message_id}, {"partner_id": 1, "channel": 1})
        return (found["partner_id"], found["channel"]) if found else None

    async def meant(self, about: About) -> Document | None:
        """The message that is meant, with its attempts; None when there is none, or none yet."""
        messages, shown = self._messages.of(about.partner_id), {"attempts": 1, "executed_at": 1}
        if about.provider_id:
            sent = {"account_id": about.account_id, "channel": about.channel, "attempts.provider_id": about.provider_id}
            if found := await messages.find_one(sent, projection=shown):
                return found
        if not about.message_id:
            return None
        if not about.account_id:
            return await messages.find_one({"_id": about.message_id}, projection=shown)
        named = {"$in": [about.message_id, _SENT_AGAIN.sub("", about.message_id)]}
        return await messages.find_one({"_id": named, "account_id": about.account_id}, projection=shown)

    async def note(self, partner_id: str, message_id: str, position: int, report: Report) -> None:
        """Keep with its attempt what is reported, unless something final was."""
        await self._messages.of(partner_id).update_one(
            _open(message_id, position), {"$set": {f"attempts.{position}.report": asdict(report)}}
        )

    async def bounce(self, partner_id: str, message_id: str, position: int, report: Report, now: datetime) -> bool:
        """The same, and if this attempt is what made the message SENT, it is BOUNCED now, which is to be announced.

        False when nothing more followed.
        """
        became: Document = {"status": Status.BOUNCED, "executed_at": now, "error": report.words}
        fact = {"at": now, "due_at": LONG_AGO, "reason": report.reason, "words": report.words, "attempts": position + 1}
        changed = await self._messages.of(partner_id).update_one(
            _open(message_id, position) | {"status": Status.SENT, "attempts": {"$size": position + 1}},
            {"$set": {f"attempts.{position}.report": asdict(report), **became, "unannounced": fact}},
        )
        if not changed.modified_count:
            await self.note(partner_id, message_id, position, report)
        return changed.modified_count == 1

    async def to_be_told_of_all_partners(self, now: datetime, lease: timedelta) -> Document | None:
        """A message whose bounce is to be announced; nobody else gets it before `lease` is over."""
        return await self._messages.of_all_partners.find_one_and_update(
            {"unannounced": {"$exists": True}, "unannounced.due_at": {"$lte": now}},
            {"$set": {"unannounced.due_at": now + lease}},
            projection=_WORDLESS,
        )

    async def told(self, messages: Sequence[Document]) -> None:
        """These were announced."""
        same = [{"_id": one["_id"], "unannounced.at": one["unannounced"]["at"]} for one in messages]
        forget = [UpdateOne(one, {"$unset": {"unannounced": ""}}) for one in same]
        await self._messages.of_all_partners.bulk_write(forget, ordered=False)

    async def put_aside(self, about: About, report: Report, now: datetime) -> None:
        """Keep a report that came too early; twice the same is one."""
        named = (about.account_id, about.provider_id, about.message_id, str(about.attempt), report.verdict)
        document = {"_id": computed_id(*named), "partner_id": about.partner_id, "came_at": now, "due_at": now}
        document |= {"about": asdict(about), "report": asdict(report)}
        await insert_new(self._early.of_all_partners, [document])

    async def early_of_all_partners(self, now: datetime) -> list[Early]:
        """Reports that it is time to look at again: of each account as many as of the others, so that one whose gateway
        reports without end what is not ours delays itself alone. Mails have none, and are as one."""
        accounts = await self._early.of_all_partners.distinct("about.account_id")
        found: list[Document] = []
        for account_id in accounts:
            due = {"about.account_id": account_id, "due_at": {"$lte": now}}
            most = max(EARLY_BATCH // len(accounts), 1)
            found += await self._early.of_all_partners.find(due, sort=[("due_at", 1)], limit=most).to_list()
        return [_early(one) for one in found]

    async def look_later(self, early: Early, due_at: datetime) -> None:
        await self._early.of_all_partners.update_one({"_id": early.id}, {"$set": {"due_at": due_at}})

    async def let_go(self, early: Early) -> None:
        """It was worked off, or waited for long enough."""
        await self._early.of_all_partners.delete_one({"_id": early.id})


def _open(message_id: str, position: int) -> Document:
    """The message, if its attempt is there and nothing final was reported of it."""
    attempt = f"attempts.{position}"
    return {"_id": message_id, attempt: {"$exists": True}, f"{attempt}.report.verdict": {"$nin": list(FINAL)}}


def _early(document: Mapping[str, Any]) -> Early:
    report = document["report"] | {"verdict": Verdict(document["report"]["verdict"])}
    return Early(document["_id"], About(**document["about"]), Report(**report), document["came_at"])
