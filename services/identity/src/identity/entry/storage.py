"""The documents of entries: each belongs to the client, whose account is entered."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.events import AccessRevoked
from common.mongo import Document, Index, Mongo, behind
from common.relay import announce_index
from identity.entry.domain import Because, Entry, State, Way

OPEN: Document = {"is_open": True}
INDEXES = [
    announce_index("entries"),
    Index("entries", (("partner_id", 1), ("master_id", 1), ("session_id", 1)), unique=True, where=(("is_open", True),)),
    Index("entries", (("is_open", 1), ("_id", 1)), where=(("is_open", True),)),
    Index("entries", (("partner_id", 1), ("at", -1), ("_id", -1))),
    Index("entries", (("partner_id", 1), ("is_open", 1), ("at", -1), ("_id", -1))),
    Index("entries", (("entered_by", 1), ("at", -1), ("_id", -1))),
    Index("entries", (("at", 1),)),
]
_NAMES = (
    "master_name", "partner_name", "client_name", "user_id", "at", "ends_at", "decided_by", "began_at", "ended_at",
    "ended_by",
)  # fmt: skip


class EntryStore:
    """Queries by intent. Into a client's account there is one open entry at the most by each session of a master user,
    and one that waits for him to enter by any. Its end is announced: then every service refuses its tokens."""

    def __init__(self, mongo: Mongo) -> None:
        self.entries = mongo.collection("entries")

    async def add(self, entry: Entry) -> bool:
        """False when there is an open one already."""
        fields = {name: getattr(entry, name) for name in _NAMES} | {
            "entered_by": entry.way.partner_id,
            "master_id": entry.way.master_id,
            "session_id": entry.way.session_id,
            "permissions": sorted(entry.permissions),
            "state": entry.state,
            "because": entry.because,
        }
        try:
            await self.entries.of(entry.way.client_id).insert({"_id": entry.id, "version": 0, **OPEN, **fields})
        except DuplicateKeyError:
            return False
        return True

    async def open_entry(self, way: Way) -> Entry | None:
        """The one by this session; otherwise the one that waits."""
        document = await self.entries.of(way.client_id).find_one(_by(way), sort=[("session_id", -1)])
        return _entry(document) if document else None

    async def open_among_of_all_partners(self, client_ids: list[str], way: Way) -> dict[str, Entry]:
        """The same for each of these clients, by their ids."""
        query = {"partner_id": {"$in": client_ids}, **_by(way)}
        found = [_entry(document) async for document in self.entries.of_all_partners.find(query)]
        waiting_first = sorted(found, key=lambda entry: entry.way.session_id is not None)
        return {entry.way.client_id: entry for entry in waiting_first}

    async def open_of_all_partners(self, after: str, limit: int) -> list[Entry]:
        """All open entries by id, after the id `after`."""
        query = {**OPEN, "_id": {"$gt": after}}
        found = self.entries.of_all_partners.find(query, sort=[("_id", 1)], limit=limit)
        return [_entry(document) async for document in found]

    async def go_on(
        self, entry: Entry, permissions: frozenset[str], ends_at: datetime, session_id: str | None, now: datetime
    ) -> Entry | None:
        """Begin an entry that waited, or renew a running one; None when somebody changed it meanwhile."""
        began_at = entry.began_at or now
        fields = {"state": State.RUNNING, "ends_at": ends_at, "session_id": session_id, "began_at": began_at}
        update = {"$set": fields, "$addToSet": {"permissions": {"$each": sorted(permissions)}}}
        if entry.state is not State.RUNNING:
            update = {"$set": fields | {"permissions": sorted(permissions)}}
        try:
            return await self._change(entry.way.client_id, entry.id, entry.state, update)
        except DuplicateKeyError:
            return None

    async def decide(
        self, client_id: str, entry_id: str, state: State, by: str, now: datetime, ends_at: datetime
    ) -> Entry | None:
        """Confirm or refuse one that waits; None when it does not (any more)."""
        fields: Document = {"state": state, "decided_by": by, "ends_at": ends_at}
        if state is State.REFUSED:
            fields |= {"is_open": False, "ended_at": now, "ended_by": by}
        return await self._change(client_id, entry_id, State.REQUESTED, {"$set": fields}, ends_at={"$gt": now})

    async def end(self, entry: Entry, because: Because, by: str | None, now: datetime, trace: str | None) -> bool:
        """End an open one and announce it, in one write; False when it was not open any more, or was renewed."""
        fields = {"state": State.ENDED, "is_open": False, "because": because, "ended_by": by, "ended_at": now}
        update = {"$set": {**fields, "announce": True, "trace": trace}, "$inc": {"version": 1}}
        same: Document = {"ends_at": {"$lte": now}} if because is Because.TIME else {}
        query = {"_id": entry.id, **OPEN, **same}
        ended = await self.entries.of(entry.way.client_id).update_one(query, update)
        return ended.modified_count == 1

    async def of_client(self, client_id: str, entry_id: str) -> Entry | None:
        document = await self.entries.of(client_id).find_one({"_id": entry_id})
        return _entry(document) if document else None

    async def of_partner_of_all_partners(self, partner_id: str, entry_id: str) -> Entry | None:
        """One by a user of this partner, into whatever account."""
        document = await self.entries.of_all_partners.find_one({"_id": entry_id, "entered_by": partner_id})
        return _entry(document) if document else None

    async def into(
        self, client_id: str, before: tuple[datetime, str] | None, limit: int, *, only_open: bool
    ) -> list[Entry]:
        """Entries into a client's account, the newest first."""
        query = behind(before) | (OPEN if only_open else {})
        found = self.entries.of(client_id).find(query, sort=[("at", -1), ("_id", -1)], limit=limit)
        return [_entry(document) async for document in found]

    async def out_of_all_partners(
        self, partner_id: str, before: tuple[datetime, str] | None, limit: int
    ) -> list[Entry]:
        """Entries by the users of a partner, the newest first."""
        query = {"entered_by": partner_id, **behind(before)}
        found = self.entries.of_all_partners.find(query, sort=[("at", -1), ("_id", -1)], limit=limit)
        return [_entry(document) async for document in found]

    async def forget_of_all_partners(self, before: datetime) -> None:
        """Forget those that were asked for or began before then, and are over."""
        await self.entries.of_all_partners.delete_many({"at": {"$lt": before}, "is_open": False})

    async def _change(self, client_id: str, entry_id: str, state: State, update: Document, **also: Any) -> Entry | None:
        document = await self.entries.of(client_id).find_one_and_update(
            {"_id": entry_id, "state": state, **OPEN, **also}, update, return_document=ReturnDocument.AFTER
        )
        return _entry(document) if document else None


def _by(way: Way) -> Document:
    return {"master_id": way.master_id, "session_id": {"$in": [way.session_id, None]}, **OPEN}


def _entry(document: Document) -> Entry:
    way = Way(document["entered_by"], document["master_id"], document["partner_id"], document["session_id"])
    fields = {name: document[name] for name in _NAMES}
    because = Because(document["because"]) if document["because"] else None
    permissions, state = frozenset(document["permissions"]), State(document["state"])
    return Entry(id=document["_id"], way=way, permissions=permissions, state=state, because=because, **fields)


def to_entry_ended(document: Document) -> AccessRevoked:
    """Entries are announced only when they end; an entry's id is the `sid` of its tokens."""
    return AccessRevoked(subject=document["_id"], version=document["version"], deleted=True)
