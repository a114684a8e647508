"""The documents of the outbox as the engine works with them: intake, claims, results, and what is to be announced.

Every step is safe to be cut off: a message is claimed for a time only; the claim is the record of the attempt, written
before the provider is spoken to; a result is written only by whoever still holds the claim, and the fact to announce is
in the same write.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from common.mongo import Document, Index, Mongo, insert_new
from outbox.domain import Outcome, Status

LOST_WORKER = "the process ended before it knew the answer"
RETRY_RANK = 10
"""Added to a message's priority once it was tried: new mail never stands behind retries."""

FIRST_ROOM = 50
"""So many messages of an account are claimed before anything is known of it."""
NO_ACCOUNT = "no_sender_account"

# The status stands in front though each of them has one only: so that counting by account reads the index alone.
INDEXES = [
    Index(
        "messages",
        (("status", 1), ("rank", 1), ("due_at", 1), ("account_id", 1)),
        where=(("status", Status.WAITING.value),),
    ),
    Index(
        "messages",
        (("status", 1), ("claim.until", 1), ("account_id", 1)),
        where=(("status", Status.SENDING.value),),
    ),
    Index("messages", (("status", 1), ("account_id", 1)), where=(("status", Status.ERROR.value),)),
    Index("messages", (("waiting_reason", 1), ("partner_id", 1)), where=(("waiting_reason", {"$exists": True}),)),
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

    async def claim(self, now: datetime, lease: timedelta, limit: int, rooms: Mapping[str, int]) -> Claim:
        """Claim up to `limit` due messages, the most urgent first, but of an account in `rooms` only so many."""
        full = [account_id for account_id, room in rooms.items() if not room]
        due = {"status": Status.WAITING, "due_at": {"$lte": now}}
        query = due | ({"account_id": {"$nin": full}} if full else {})
        order = [("rank", 1), ("due_at", 1)]
        limit = min(limit, sum(rooms.values()) + FIRST_ROOM)
        found = await self._messages.find(query, {"account_id": 1}, sort=order, limit=limit).to_list()
        token, ids = uuid4().hex, _within(rooms, found)
        if not ids:
            return Claim(token, [], now)
        await self._messages.update_many(
            {"_id": {"$in": ids}, **due},
            {"$set": {"status": Status.SENDING, "claim": {"token": token, "at": now, "until": now + lease}}},
        )
        # Read after the claim: another replica may have been quicker with some, or changed them just before.
        ours = await self._messages.find({"_id": {"$in": ids}, "claim.token": token}).to_list()
        return Claim(token, ours, now)

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

    async def write(self, token: str, results: Sequence[Result]) -> bool:
        """Write results of our claim `token`. False when some were not ours any more: those are not written.

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
            {"_id": {"$in": list(by_id)}, "claim.token": token},
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
        """Let e-mail that waited for an account go through this one, its age counted from now; returns how many."""
        released = await self._messages.update_many(
            {"waiting_reason": NO_ACCOUNT, "partner_id": partner_id, "channel": "email"},
            {"$set": {"account_id": account_id, "due_at": now, "due_since": now}, "$unset": {"waiting_reason": ""}},
        )
        return released.modified_count

    async def hold(self, partner_id: str, account_id: str) -> None:
        """Let the waiting messages of an account that is gone wait for another."""
        await self._messages.update_many(
            {"partner_id": partner_id, "status": Status.WAITING, "account_id": account_id},
            {"$set": {"account_id": None, "due_at": None, "waiting_reason": NO_ACCOUNT}},
        )

    async def partners_without_account(self) -> list[str]:
        """Partners whose messages wait for an account."""
        return await self._messages.distinct("partner_id", {"waiting_reason": NO_ACCOUNT})

    async def by_status_and_account(self) -> list[tuple[str, str, int]]:
        """(status, account, how many) of what is not sent."""
        counts: list[tuple[str, str, int]] = []
        for status in (Status.WAITING, Status.SENDING, Status.ERROR):
            pipeline: list[Mapping[str, Any]] = [
                {"$match": {"status": status}},
                {"$group": {"_id": "$account_id", "count": {"$sum": 1}}},
            ]
            cursor = await self._messages.aggregate(pipeline)
            counts += [(status.value, one["_id"] or "none", one["count"]) async for one in cursor]
        return counts


def _within(rooms: Mapping[str, int], found: Sequence[Document]) -> list[str]:
    """The ids of those messages that their accounts have room for."""
    left = dict(rooms)
    ids: list[str] = []
    for one in found:
        room = left.setdefault(one["account_id"], FIRST_ROOM)
        if room:
            ids.append(one["_id"])
            left[one["account_id"]] = room - 1
    return ids
