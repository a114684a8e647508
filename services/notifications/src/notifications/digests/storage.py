"""What is collected for digests. It lies in the decisions themselves: none is kept without being collected."""

from datetime import datetime, timedelta

from common.clocks import MOST_APART
from common.mongo import Index, Mongo, insert_new
from notifications.documents import decision_of, settings_id
from notifications.domain import Decision

LONGEST = timedelta(days=1)
"""Nobody collects for longer."""
_PENDING = (("digest.pending", True),)

INDEXES = [
    Index("decisions", (("digest.until", 1),), where=_PENDING),
    Index("decisions", (("digest.of", 1), ("consumed_at", 1), ("digest.place", 1)), where=_PENDING),
]


class Collected:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._decisions = mongo.collection("decisions")
        self._digests = mongo.collection("digests")

    async def due_of_all_partners(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(partner, kind) of which something is due, those first that are due longest; from `limit` decisions. What a
        clock that was far ahead collected does not wait until then."""
        is_due, is_none = {"digest.until": {"$lte": now}}, {"digest.until": {"$gt": now + LONGEST + MOST_APART}}
        found = self._decisions.of_all_partners.find(
            {"digest.pending": True, "$or": [is_due, is_none]},
            {"partner_id": 1, "kind": 1},
            sort=[("digest.until", 1)],
            limit=limit,
        )
        return list(dict.fromkeys([(document["partner_id"], document["kind"]) async for document in found]))

    async def make_due(self, partner_id: str, kind: str, at: datetime) -> None:
        """Let what is collected leave then."""
        pending = {"digest.pending": True, "digest.of": settings_id(partner_id, kind)}
        await self._decisions.of(partner_id).update_many(pending, {"$set": {"digest.until": at}})

    async def digests_before(self, partner_id: str, kind: str) -> int:
        """How many digests were finished."""
        key = settings_id(partner_id, kind)
        found = await self._digests.of(partner_id).find_one({"_id": key})
        if found is None:
            await insert_new(self._digests.of_all_partners, [{"_id": key, "partner_id": partner_id, "finished": 0}])
        return found["finished"] if found else 0

    async def pending(self, partner_id: str, kind: str, limit: int) -> list[Decision]:
        """What is collected, in the order in which it was consumed."""
        found = self._decisions.of(partner_id).find(
            {"digest.pending": True, "digest.of": settings_id(partner_id, kind)},
            sort=[("consumed_at", 1), ("digest.place", 1)],
            limit=limit,
        )
        return [decision_of(document) async for document in found]

    async def finish(self, digest: Decision, before: int) -> None:
        """Its events are told: first none of them is collected any more, only then the next digest may begin."""
        partner_id, kind = digest.about.partner_id, digest.about.kind
        ids = [line.decision_id for line in digest.lines]
        sent = {"digest.pending": False, "digest.sent_in": digest.about.id}
        await self._decisions.of_all_partners.update_many({"_id": {"$in": ids}}, {"$set": sent})
        query = {"_id": settings_id(partner_id, kind), "finished": before}
        await self._digests.of(partner_id).update_one(query, {"$inc": {"finished": 1}})
