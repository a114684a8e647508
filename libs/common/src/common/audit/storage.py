"""What waits to be told to the audit log."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from common.audit.domain import Deed, Outcome
from common.mongo import Document, Index, Mongo

INDEXES = [Index("audit_outbox", (("due_at", 1),))]


class AuditOutbox:
    """A document for each deed, written before it is done. It is due when it is known what came of it, and at
    `unknown_after` in any case: then whoever should have said so, and is at it no more, is gone."""

    def __init__(self, mongo: Mongo, unknown_after: timedelta) -> None:
        self._deeds = mongo.shared("audit_outbox")
        self.unknown_after = unknown_after

    async def begin(self, deed: Deed, details: Mapping[str, list[str]], trace: str | None) -> None:
        due_at = deed.at + self.unknown_after
        await self._deeds.insert_one(_document(deed, Outcome.UNKNOWN, None, due_at, details, trace))

    async def detail(self, ids: Sequence[str], details: Mapping[str, list[str]]) -> None:
        """Say more of deeds, before they are done."""
        await self._deeds.update_many({"_id": {"$in": list(ids)}}, {"$set": {"details": dict(details)}})

    async def prolong(self, ids: Sequence[str], now: datetime) -> None:
        """Whoever does these is still at it; a no-op for what has ended."""
        query = {"_id": {"$in": list(ids)}, "status": None}
        await self._deeds.update_many(query, {"$set": {"due_at": now + self.unknown_after}})

    async def end(self, deed: Deed, outcome: Outcome, status: int, now: datetime) -> None:
        """Say what came of it, and to what it was done; a no-op when it was told already."""
        change: Document = {"target": dict(deed.target), "outcome": outcome, "status": status, "due_at": now}
        await self._deeds.update_one({"_id": deed.id}, {"$set": change})

    async def add(
        self, deed: Deed, outcome: Outcome, status: int | None, details: Mapping[str, list[str]], trace: str | None
    ) -> None:
        """A deed of which everything is known."""
        await self._deeds.insert_one(_document(deed, outcome, status, deed.at, details, trace))

    async def due(self, now: datetime, limit: int) -> list[Document]:
        """What can be told, the oldest first."""
        return await self._deeds.find({"due_at": {"$lte": now}}, sort=[("due_at", 1)], limit=limit).to_list()

    async def forget(self, ids: Sequence[str]) -> None:
        """What was told need not be kept."""
        await self._deeds.delete_many({"_id": {"$in": list(ids)}})


def _document(
    deed: Deed, outcome: Outcome, status: int | None, due_at: datetime, details: Mapping[str, list[str]],
    trace: str | None,
) -> Document:  # fmt: skip
    return {
        "_id": deed.id,
        "partner_id": deed.partner_id,
        "at": deed.at,
        **deed.author.fields(),
        "session_id": deed.session_id,
        "network": deed.network,
        "action": deed.action,
        "target": dict(deed.target),
        "details": dict(details),
        "outcome": outcome,
        "status": status,
        "due_at": due_at,
        "trace": trace,
    }
