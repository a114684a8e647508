"""The documents of the outbox as the engine works with them: intake, claims, results, and what is to be announced.

Every step is safe to be cut off: a message is claimed for a time only; the claim is the record of the attempt, written
before the provider is spoken to; a result is written only by whoever still holds the claim, and the fact to announce is
in the same write.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from common.mongo import Document, Index, Mongo, insert_new
from outbox.domain import Outcome, Status

LOST_WORKER = "the process ended before it knew the answer"
RETRY_RANK = 10
"""Added to a message's priority once it was tried: new mail never stands behind retries."""

INDEXES = [
    Index("messages", (("rank", 1), ("due_at", 1)), where=(("status", Status.WAITING.value),)),
    Index("messages", (("claim.until", 1),), where=(("status", Status.SENDING.value),)),
    Index("messages", (("partner_id", 1), ("waiting_reason", 1)), where=(("waiting_reason", {"$exists": True}),)),
    Index("messages", (("facts.at", 1),), where=(("facts.at", {"$exists": True}),)),
]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send some messages until `until`; whoever has not the same token any more has lost it."""

    token: str
    messages: list[Document]
    at: datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What to write of an attempt: the attempt itself, the fields it changes, and the fact to announce, if any."""

    message: Document
    attempt: Document
    change: Document
    fact: Document | None


class Queue:
    """Queries of the engine; it works for all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo.collection("messages").of_all_partners

    async def take_in(self, documents: Sequence[Document]) -> None:
        """Keep new messages; those that are there already stay as they are."""
        await insert_new(self._messages, documents)

    async def claim(self, now: datetime, lease: timedelta, limit: int, busy_accounts: Iterable[str]) -> Claim:
        """Claim up to `limit` due messages of accounts that are not busy, the most urgent first."""
        due = {"status": Status.WAITING, "due_at": {"$lte": now}}
        query = due | ({"account_id": {"$nin": busy}} if (busy := list(busy_accounts)) else {})
        found = await self._messages.find(query, sort=[("rank", 1), ("due_at", 1)], limit=limit).to_list()
        token = uuid4().hex
        if not found:
            return Claim(token, [], now)
        written = await self._messages.update_many(
            {"_id": {"$in": [one["_id"] for one in found]}, **due},
            {"$set": {"status": Status.SENDING, "claim": {"token": token, "at": now, "until": now + lease}}},
        )
        if written.modified_count < len(found):  # another replica was quicker with some
            ours = await self._messages.find({"_id": {"$in": [one["_id"] for one in found]}}).to_list()
            still = {one["_id"] for one in ours if one.get("claim", {}).get("token") == token}
            found = [one for one in found if one["_id"] in still]
        return Claim(token, found, now)

    async def renew(self, token: str, ids: Sequence[str], until: datetime) -> None:
        """Keep the claim of what is still in hand."""
        await self._messages.update_many(
            {"_id": {"$in": list(ids)}, "claim.token": token}, {"$set": {"claim.until": until}}
        )

    async def give_back(self, token: str, ids: Sequence[str], now: datetime) -> None:
        """Unclaim what was not begun: there was no attempt."""
        await self._messages.update_many(
            {"_id": {"$in": list(ids)}, "claim.token": token},
            {"$set": {"status": Status.WAITING, "due_at": now}, "$unset": {"claim": ""}},
        )

    async def write(self, tokens: Iterable[str], results: Sequence[Result]) -> bool:
        """Write results of our claims `tokens`. False when some were not ours any more: those are not written.

        One statement for all of them: an update for each costs the database five times as much.
        """
        by_id = {
            one.message["_id"]: {"attempt": one.attempt, "change": one.change, "facts": [one.fact] if one.fact else []}
            for one in results
        }
        own = {"$getField": {"field": "$_id", "input": {"$literal": by_id}}}
        lists = {
            "attempts": {"$concatArrays": ["$attempts", ["$own.attempt"]]},
            "facts": {"$concatArrays": ["$facts", "$own.facts"]},
        }
        written = await self._messages.update_many(
            {"_id": {"$in": list(by_id)}, "claim.token": {"$in": list(tokens)}},
            [
                {"$set": {"own": own}},
                {"$replaceWith": {"$mergeObjects": ["$$ROOT", "$own.change", lists]}},
                {"$unset": ["claim", "own"]},
            ],
        )
        return written.matched_count == len(by_id)

    async def announced(self, messages: Sequence[str], facts: Sequence[str]) -> None:
        """Forget facts that were published."""
        await self._messages.update_many(
            {"_id": {"$in": list(messages)}}, {"$pull": {"facts": {"id": {"$in": list(facts)}}}}
        )

    async def unannounced(self, before: datetime, limit: int) -> list[Document]:
        """Messages with facts from before `before`: whoever should have announced them did not."""
        return await self._messages.find(
            {"facts.at": {"$lt": before}}, {"content.text": 0, "content.html": 0}, limit=limit
        ).to_list()

    async def take_back(self, now: datetime) -> int:
        """Make what a dead worker had claimed due again; returns how many.

        Nobody knows whether the provider has it: the next attempt may be the second, and is marked so.
        """
        attempt = {"at": "$claim.at", "ended_at": now, "outcome": Outcome.UNKNOWN, "reply": LOST_WORKER}
        taken = await self._messages.update_many(
            {"status": Status.SENDING, "claim.until": {"$lt": now}},
            [
                {
                    "$set": {
                        "status": Status.WAITING,
                        "due_at": now,
                        "possible_duplicate": True,
                        "attempts": {"$concatArrays": ["$attempts", [attempt]]},
                    }
                },
                {"$unset": "claim"},
            ],
        )
        return taken.modified_count

    async def release(self, partner_id: str, account_id: str, now: datetime) -> int:
        """Let messages that waited for an account go through this one; returns how many."""
        released = await self._messages.update_many(
            {"partner_id": partner_id, "waiting_reason": {"$exists": True}, "status": Status.WAITING},
            {"$set": {"account_id": account_id, "due_at": now}, "$unset": {"waiting_reason": ""}},
        )
        return released.modified_count

    async def hold(self, partner_id: str, account_id: str, reason: str) -> None:
        """Let the waiting messages of an account that is gone wait for another."""
        await self._messages.update_many(
            {"partner_id": partner_id, "status": Status.WAITING, "account_id": account_id},
            {"$set": {"account_id": None, "due_at": None, "waiting_reason": reason}},
        )

    async def partners_without_account(self, limit: int) -> list[str]:
        """Some partners whose messages wait for an account."""
        held = {"waiting_reason": {"$exists": True}, "status": Status.WAITING}
        found = self._messages.find(held, {"partner_id": 1}, limit=limit)
        return list({document["partner_id"] async for document in found})

    async def by_status_and_account(self) -> list[tuple[str, str, int]]:
        """(status, account, how many) of what is not sent."""
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"status": {"$in": [Status.WAITING, Status.SENDING]}}},
            {"$group": {"_id": {"status": "$status", "account": "$account_id"}, "count": {"$sum": 1}}},
        ]
        cursor = await self._messages.aggregate(pipeline)
        return [(one["_id"]["status"], one["_id"]["account"] or "none", one["count"]) async for one in cursor]
