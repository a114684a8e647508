"""The documents of the audit log: only ever added to.

An entry is added at the place behind the last one, and no two can have the same place: so replicas that add at once
make one chain, without forks or gaps.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pymongo.errors import BulkWriteError

from common.events import AuditSealed
from common.mongo import Document, Index, Mongo, behind, only_duplicates
from common.relay import announce_index
from identity.audit.domain import Entry, Fact

NEWEST = (("at", -1), ("_id", -1))
INDEXES = [
    announce_index("audit_entries"),
    Index("audit_entries", (("partner_id", 1), ("sequence", 1)), unique=True),
    Index("audit_entries", (("partner_id", 1), *NEWEST)),
    Index("audit_entries", (("partner_id", 1), ("user_id", 1), *NEWEST)),
    Index("audit_entries", (("partner_id", 1), ("actor.user_id", 1), *NEWEST)),
]


@dataclass(frozen=True, slots=True)
class Filter:
    """What of a log is asked for; None means any. `actor`: what this user did for the partner's users."""

    since: datetime | None = None
    until: datetime | None = None
    user: str | None = None
    actor: str | None = None

    def query(self, after: tuple[datetime, str] | None) -> Document:
        """For what comes after the position `after`, the newest first."""
        query: Document = {"user_id": self.user} if self.user else {}
        query |= {"actor.user_id": self.actor} if self.actor else {}
        times = ({"$gte": self.since} if self.since else {}) | ({"$lt": self.until} if self.until else {})
        return query | ({"at": times} if times else {}) | behind(after)


class AuditStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self.entries = mongo.collection("audit_entries")

    async def last(self, partner_id: str) -> Entry | None:
        document = await self.entries.of(partner_id).find_one({}, sort=[("sequence", -1)])
        return _entry(document) if document else None

    async def known_of_all_partners(self, ids: Collection[str]) -> set[str]:
        """Those that are in the log already."""
        query = {"_id": {"$in": list(ids)}}
        return {one["_id"] async for one in self.entries.of_all_partners.find(query, {"_id": 1})}

    async def add_of_all_partners(self, entries: Sequence[Entry], trace: str | None) -> bool:
        """Add entries that follow each other, and announce each in the same write; False when another one has come to a
        place meanwhile (those before it were added)."""
        try:
            await self.entries.of_all_partners.insert_many([_document(entry, trace) for entry in entries])
        except BulkWriteError as error:
            only_duplicates(error)
            return False
        return True

    async def page(
        self, partner_id: str, chosen: Filter, after: tuple[datetime, str] | None, limit: int
    ) -> list[Entry]:
        """Entries of a partner, the newest first."""
        found = self.entries.of(partner_id).find(chosen.query(after), sort=list(NEWEST), limit=limit)
        return [_entry(document) async for document in found]

    async def whole(self, partner_id: str) -> AsyncIterator[Entry]:
        """Every entry of a partner, from the first."""
        async for document in self.entries.of(partner_id).find({}, sort=[("sequence", 1)]):
            yield _entry(document)

    async def partners_of_all(self) -> list[str]:
        """Every partner who has a log."""
        return await self.entries.of_all_partners.distinct("partner_id")


def _document(entry: Entry, trace: str | None) -> Document:
    fact = {name: getattr(entry.fact, name) for name in Fact.__slots__ if name != "id"}
    chain = {name: getattr(entry, name) for name in ("sequence", "previous", "hash")}
    return {"_id": entry.fact.id, **fact, **chain, "version": 1, "announce": True, "trace": trace}


def _entry(document: Document) -> Entry:
    fact = Fact(id=document["_id"], **{name: document[name] for name in Fact.__slots__ if name != "id"})
    return Entry(fact, document["sequence"], document["previous"], document["hash"])


def to_audit_sealed(document: Document) -> AuditSealed:
    """What is announced of an entry: that it stands where it does."""
    fields = {name: document[name] for name in ("partner_id", "sequence", "hash", "version")}
    return AuditSealed.model_validate(fields)
