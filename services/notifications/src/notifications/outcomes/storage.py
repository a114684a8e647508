"""What became of messages, and how decisions and outcomes are forgotten."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from common.mongo import Document, Index, Mongo, insert_new
from notifications.outcomes.domain import MessageStatus, Outcome

FORGET_BATCH = 500
INDEXES = [Index("outcomes", (("at", 1),)), Index("decisions", (("consumed_at", 1),))]


class Outcomes:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._outcomes = mongo.collection("outcomes")
        self._decisions = mongo.collection("decisions")

    async def keep(self, outcomes: Iterable[Outcome]) -> None:
        """Keep how each message ended last, in whatever order that is read; one insert where all are new."""
        newest = {one.message_id: one for one in sorted(outcomes, key=lambda one: one.at)}
        collection = self._outcomes.of_all_partners
        there = await insert_new(collection, [_document(one) for one in newest.values()])
        newer = [
            UpdateOne({"_id": one, "at": {"$lt": newest[one].at}}, {"$set": _document(newest[one])}) for one in there
        ]
        if newer:
            await collection.bulk_write(newer, ordered=False)

    async def of_messages(self, partner_id: str, ids: Sequence[str]) -> dict[str, Outcome]:
        """What is known of these messages of a partner, by id."""
        found = self._outcomes.of(partner_id).find({"_id": {"$in": list(ids)}})
        return {document["_id"]: _outcome(document) async for document in found}

    async def forget(self, before: datetime) -> bool:
        """Delete a batch of the decisions, and one of the outcomes, that are older; False when that was all."""
        decisions = await _delete_batch(self._decisions.of_all_partners, {"consumed_at": {"$lt": before}})
        outcomes = await _delete_batch(self._outcomes.of_all_partners, {"at": {"$lt": before}})
        return FORGET_BATCH in (decisions, outcomes)


async def _delete_batch(collection: AsyncCollection[Document], old: Document) -> int:
    ids = [one["_id"] async for one in collection.find(old, {"_id": 1}, limit=FORGET_BATCH)]
    if ids:
        await collection.delete_many({"_id": {"$in": ids}, **old})
    return len(ids)


def _document(one: Outcome) -> Document:
    return {
        "_id": one.message_id,
        "partner_id": one.partner_id,
        "status": one.status,
        "at": one.at,
        "reply": one.reply,
    }


def _outcome(document: Document) -> Outcome:
    return Outcome(
        message_id=document["_id"],
        partner_id=document["partner_id"],
        status=MessageStatus(document["status"]),
        at=document["at"],
        reply=document["reply"],
    )
