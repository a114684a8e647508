"""Fan-outs, and the partners that are next in one."""

import json
from datetime import datetime, timedelta

from pydantic_core import to_json
from pymongo import ReturnDocument

from common.clocks import MOST_APART
from common.ids import new_id
from common.mongo import Document, Index, Mongo, insert_new
from notifications.campaigns.domain import FanOut, Named, Position, Step

LEASE = timedelta(seconds=4)
"""What a dead replica had in hand is taken up by another after this."""

INDEXES = [
    Index("fan_outs", (("turn_at", 1),), where=(("done", False),)),
    Index("fan_outs", (("done", 1), ("turn_at", 1)), where=(("done", True),)),
    Index("partners", (("categories", 1), ("_id", 1))),
]


class FanOuts:
    """Queries by intent. A fan-out is the platform's; whom it reaches it finds among all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._fan_outs = mongo.shared("fan_outs")
        self._partners = mongo.collection("partners")

    async def add(self, fan_out: FanOut, now: datetime) -> None:
        """Take in a fan-out, once however often it is asked for."""
        document = _document(fan_out) | {"turn_at": now, "lease_until": now, "done": False, "served": 0}
        await insert_new(self._fan_outs, [document])

    async def claim(self, now: datetime) -> tuple[FanOut, str] | None:
        """The fan-out whose turn it is and a token for this turn; None when there is none to be done. A lease that
        nobody can have, of a clock that was far ahead, holds up nothing."""
        token, is_over = new_id("turn"), {"lease_until": {"$lte": now}}
        is_none = {"lease_until": {"$gt": now + LEASE + MOST_APART}}
        found = await self._fan_outs.find_one_and_update(
            {"done": False, "$or": [is_over, is_none]},
            {"$set": {"lease_until": now + LEASE, "token": token}},
            sort=[("turn_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return (_fan_out(found), token) if found else None

    async def advance(self, fan_out: FanOut, token: str, to: Position | None, served: int, now: datetime) -> None:
        """Write how far it came, unless another has taken it up meanwhile; `to` None: it is done."""
        position = {"step": to.step, "behind": to.behind} if to else None
        state = {"place": position, "done": to is None, "turn_at": now, "lease_until": now}
        await self._fan_outs.update_one(
            {"_id": fan_out.id, "token": token}, {"$set": state, "$inc": {"served": served}}
        )

    async def forget_done(self, before: datetime) -> None:
        """Delete those whose last turn was before; what is under way stays, however old."""
        await self._fan_outs.delete_many({"done": True, "turn_at": {"$lt": before}})

    async def partners_of_all(self, step: Step, behind: str, size: int) -> list[str]:
        """The following partners of a step, in a fixed order, at most `size`."""
        if step.partners:
            start = step.partners.index(behind) + 1 if behind else 0
            return list(step.partners[start : start + size])
        query: Document = {"_id": {"$gt": behind}, "deleted": False}
        if step.categories:
            query["categories"] = {"$in": list(step.categories)}
        found = self._partners.of_all_partners.find(query, {"_id": 1}, sort=[("_id", 1)], limit=size)
        return [document["_id"] async for document in found]


def _document(one: FanOut) -> Document:
    return {
        "_id": one.id,
        "source": one.source,
        "event_id": one.event_id,
        "event_time": one.time,
        "kind": one.kind,
        "data": to_json(one.data).decode(),
        "trace": one.trace,
        "partners": list(one.named.partners),
        "categories": list(one.named.categories),
        "everyone": one.named.everyone,
        "place": {"step": one.position.step, "behind": one.position.behind},
    }


def _fan_out(document: Document) -> FanOut:
    return FanOut(
        id=document["_id"],
        source=document["source"],
        event_id=document["event_id"],
        time=document["event_time"],
        kind=document["kind"],
        data=json.loads(document["data"]),
        trace=document["trace"],
        named=Named(tuple(document["partners"]), tuple(document["categories"]), document["everyone"]),
        # One of a version that counted its steps otherwise (`position`) begins again: decisions are made once.
        position=Position(**document.get("place", {})),
    )
