"""The documents of sessions."""

from collections.abc import Collection
from datetime import datetime

from pymongo import ReturnDocument

from common.events import AccessRevoked
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from common.resealing import Sealed
from identity.domain import User
from identity.sessions.domain import Session

INDEXES = [
    announce_index("sessions"),
    Index("sessions", (("partner_id", 1), ("user_id", 1), ("_id", 1))),
    Index("sessions", (("partner_id", 1), ("user_id", 1), ("began_at", -1))),
    Index("sessions", (("partner_id", 1), ("user_id", 1), ("place", 1))),
    Index("sessions", (("ends_at", 1),)),
]
SEALED = [Sealed("sessions", "sealed", lambda session, _: session["_id"])]
_NAMES = ("user_id", "client", "place", "sealed", "sign_outs", "began_at", "last_used_at", "ends_at", "number")


class SessionStore:
    """Queries by intent. An ended session stays until its time is over, so that its end is announced."""

    def __init__(self, mongo: Mongo) -> None:
        self.sessions = mongo.collection("sessions")

    async def add(self, session: Session) -> None:
        fields = {name: getattr(session, name) for name in (*_NAMES, "is_strong")}
        await self.sessions.of(session.partner_id).insert({"_id": session.id, "ended": False, "version": 0, **fields})

    async def going_on_of_all_partners(self, session_id: str) -> Session | None:
        """A session that was not ended; whoever continues it has proof, and no partner yet."""
        document = await self.sessions.of_all_partners.find_one({"_id": session_id, "ended": False})
        return _session(document) if document else None

    async def among_of_all_partners(self, ids: Collection[str]) -> dict[str, Session]:
        """Those of `ids` that were not ended, by id."""
        found = self.sessions.of_all_partners.find({"_id": {"$in": list(ids)}, "ended": False})
        return {document["_id"]: _session(document) async for document in found}

    async def continue_(self, session: Session, number: int, now: datetime, ends_at: datetime) -> Session | None:
        """Let the next refresh token be the good one; None when `number` is not good (any more)."""
        document = await self.sessions.of(session.partner_id).find_one_and_update(
            {"_id": session.id, "ended": False, "number": number},
            {"$set": {"last_used_at": now, "ends_at": ends_at}, "$inc": {"number": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return _session(document) if document else None

    async def of_user(
        self, partner_id: str, user_id: str, sign_outs: int, now: datetime, after: str, limit: int
    ) -> list[Session]:
        """The sessions of a user that go on, by id, after the id `after`."""
        query = {"user_id": user_id, "_id": {"$gt": after}, "ended": False, "sign_outs": sign_outs}
        found = self.sessions.of(partner_id).find(query | {"ends_at": {"$gt": now}}, sort=[("_id", 1)], limit=limit)
        return [_session(document) async for document in found]

    async def own(self, partner_id: str, user_id: str, session_id: str) -> Session | None:
        """One of a user's that was not ended."""
        query = {"_id": session_id, "user_id": user_id, "ended": False}
        document = await self.sessions.of(partner_id).find_one(query)
        return _session(document) if document else None

    async def beyond(self, user: User, most: int, now: datetime) -> list[str]:
        """Those of a user that go on, but for the `most` that began last, by id."""
        query = {"user_id": user.id, "ended": False, "sign_outs": user.sign_outs, "ends_at": {"$gt": now}}
        found = self.sessions.of(user.partner_id).find(query, sort=[("began_at", -1)], skip=most)
        return [document["_id"] async for document in found]

    async def was_at(self, partner_id: str, user_id: str, place: str) -> bool:
        """True when one of his sessions that are not forgotten yet began there."""
        return await self.sessions.of(partner_id).find_one({"user_id": user_id, "place": place}) is not None

    async def end(self, partner_id: str, user_id: str, session_id: str, trace: str | None) -> bool:
        """End one and announce it in one write; False when it does not go on (for this user)."""
        ended = await self.sessions.of(partner_id).update_one(
            {"_id": session_id, "user_id": user_id, "ended": False},
            {"$set": {"ended": True, "announce": True, "trace": trace}, "$inc": {"version": 1}},
        )
        return ended.modified_count == 1

    async def forget_of_all_partners(self, before: datetime) -> None:
        """Forget those whose time was over then."""
        await self.sessions.of_all_partners.delete_many({"ends_at": {"$lt": before}})


def _session(document: Document) -> Session:
    fields = {name: document[name] for name in _NAMES}
    is_strong = document.get("is_strong", False)
    return Session(id=document["_id"], partner_id=document["partner_id"], is_strong=is_strong, **fields)


def to_session_ended(document: Document) -> AccessRevoked:
    """Sessions are announced only when they end."""
    return AccessRevoked(subject=document["_id"], version=document["version"], deleted=True)
