"""The documents of dead letters. They belong to the platform: what cannot be read may not say whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo import ReturnDocument

from common.dead_letters.domain import LetterStatus, SetAside
from common.mongo import Document, Index, Mongo, behind, insert_new

OPEN = LetterStatus.OPEN.value
NEWEST = (("at", -1), ("_id", -1))
INDEXES = [
    Index("dead_letters", (("status", 1), *NEWEST)),
    Index("dead_letters", (("status", 1), ("topic", 1), *NEWEST)),
    Index("dead_letters", (("status", 1), ("reason", 1), *NEWEST)),
    Index(
        "dead_letters",
        (("source", 1), ("event_id", 1), ("key", 1), ("at", -1)),
        where=(("status", LetterStatus.OPEN.value),),
    ),
    Index("dead_letters", (("closed_at", 1),)),
]
FORGET_BATCH = 500
WITHOUT_RECORD = {"record": 0}


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters are asked for; None means any."""

    topic: str | None = None
    reason: str | None = None
    status: LetterStatus = LetterStatus.OPEN

    def query(self) -> Document:
        query: Document = {"status": self.status}
        query |= {"topic": self.topic} if self.topic else {}
        return query | ({"reason": self.reason} if self.reason else {})


class DeadLetterStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._letters = mongo.shared("dead_letters")

    async def keep(self, letters: Sequence[Document]) -> None:
        """Keep new ones; those that are there stay as they are."""
        await insert_new(self._letters, letters)

    async def page(self, chosen: Filter, after: tuple[datetime, str] | None, limit: int) -> list[Document]:
        """Newest first, without the records."""
        query = chosen.query() | behind(after)
        return await self._letters.find(query, WITHOUT_RECORD, sort=list(NEWEST), limit=limit).to_list()

    async def count(self, chosen: Filter) -> int:
        return await self._letters.count_documents(chosen.query())

    async def open_by_topic_and_reason(self) -> list[tuple[str, str, int]]:
        """(topic, reason, how many are open), by name."""
        group: Document = {"_id": {"topic": "$topic", "reason": "$reason"}, "count": {"$sum": 1}}
        found = await self._letters.aggregate([{"$match": {"status": OPEN}}, {"$group": group}])
        return sorted([(one["_id"]["topic"], one["_id"]["reason"], one["count"]) async for one in found])

    async def letter(self, letter_id: str) -> Document | None:
        """One, without its record."""
        return await self._letters.find_one({"_id": letter_id}, WITHOUT_RECORD)

    async def whole_letter(self, letter_id: str) -> Document | None:
        """One with its record."""
        return await self._letters.find_one({"_id": letter_id})

    async def open_dead_letter_of(self, source: str, event_id: str, key: str) -> SetAside | None:
        """Why the event of this identity and record key is set aside; None when it is not, or not any more."""
        query: Document = {"source": source, "event_id": event_id, "key": key, "status": OPEN}
        found = await self._letters.find_one(query, {"reason": 1, "detail": 1}, sort=[("at", -1)])
        return SetAside(found["reason"], found["detail"]) if found else None

    async def claimable(self, chosen: Filter, until: datetime, now: datetime, limit: int) -> list[str]:
        """Ids of open ones that were set aside by `until` and that nobody is replaying, the oldest first."""
        query = chosen.query() | {"at": {"$lte": until}} | _free(now)
        oldest = [(name, -order) for name, order in NEWEST]
        return [one["_id"] async for one in self._letters.find(query, {"_id": 1}, sort=oldest, limit=limit)]

    async def claim(self, ids: Sequence[str], token: str, now: datetime, until: datetime) -> list[Document]:
        """Claim those that are open and that nobody else is replaying, until then; returns them whole."""
        free: Document = {"_id": {"$in": list(ids)}, "status": OPEN, **_free(now)}
        await self._letters.update_many(free, {"$set": {"claim": token, "claimed_until": until}})
        return await self._letters.find({"_id": {"$in": list(ids)}, "claim": token}).to_list()

    async def give_back(self, ids: Sequence[str], token: str) -> None:
        """End a claim without an effect."""
        mine: Document = {"_id": {"$in": list(ids)}, "claim": token}
        await self._letters.update_many(mine, {"$unset": {"claim": "", "claimed_until": ""}})

    async def mark_replayed(self, ids: Sequence[str], by: str, now: datetime) -> None:
        """Whoever claims them meanwhile, they are in their topic again."""
        closed: Document = {"status": LetterStatus.REPLAYED, "closed_at": now, "closed_by": by}
        still_open: Document = {"_id": {"$in": list(ids)}, "status": OPEN}
        await self._letters.update_many(still_open, {"$set": closed, "$unset": {"claim": "", "claimed_until": ""}})

    async def discard(self, letter_id: str, by: str, note: str, now: datetime) -> Document | None:
        """None when it is not open, or being replayed."""
        return await self._letters.find_one_and_update(
            {"_id": letter_id, "status": OPEN, **_free(now)},
            {"$set": {"status": LetterStatus.DISCARDED, "closed_at": now, "closed_by": by, "note": note}},
            projection=WITHOUT_RECORD,
            return_document=ReturnDocument.AFTER,
        )

    async def forget(self, before: datetime) -> int:
        """Delete one batch of what was closed before then; returns how many. Open ones have no such time."""
        closed: Document = {"closed_at": {"$lt": before}}
        ids = [one["_id"] async for one in self._letters.find(closed, {"_id": 1}, limit=FORGET_BATCH)]
        if ids:
            await self._letters.delete_many({"_id": {"$in": ids}, **closed})
        return len(ids)


def _free(now: datetime) -> Document:
    """Nobody is replaying it, or whoever did is gone."""
    return {"claimed_until": {"$not": {"$gt": now}}}
