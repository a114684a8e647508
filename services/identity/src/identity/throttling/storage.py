"""The documents of budgets: how much of each is used, and when that was true."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection

from common.clocks import MOST_APART
from common.mongo import Document, Index, Mongo
from identity.throttling.domain import Budget

INDEXES = [Index("attempts", (("at", 1),))]


class AttemptStore:
    """A budget is found by a computed id, which says neither whose account nor which address it is."""

    def __init__(self, mongo: Mongo) -> None:
        self.attempts: AsyncCollection[Document] = mongo.shared("attempts")

    async def take(self, key: str, budget: Budget, now: datetime) -> float:
        """Use one try; 0, or the seconds until there is one. Many at once never get more than the budget has."""
        document = await self.attempts.find_one_and_update(
            {"_id": key}, _taking(budget, now), upsert=True, return_document=ReturnDocument.AFTER
        )
        if document is None or not document["refused"]:
            return 0
        return (document["used"] + 1 - budget.tries) * budget.seconds

    async def wait(self, budgets: Mapping[str, Budget], now: datetime) -> float:
        """The seconds until each of these has a try; 0 when they have. Uses none."""
        those: Document = {"_id": {"$in": list(budgets)}}
        found = await self.attempts.find(those).to_list()
        if any(one["at"] > now + MOST_APART for one in found):
            unbelieved = those | {"at": {"$gt": now + MOST_APART}}
            await self.attempts.update_many(unbelieved, {"$set": {"at": now + MOST_APART}})
        waits = [budgets[one["_id"]].wait(one["used"], (now - one["at"]).total_seconds()) for one in found]
        return max(waits, default=0.0)

    async def give_back(self, keys: Sequence[str]) -> None:
        await self.attempts.update_many({"_id": {"$in": list(keys)}}, {"$inc": {"used": -1}})

    async def forget(self, before: datetime) -> None:
        """Forget the budgets that nobody asked for since."""
        await self.attempts.delete_many({"at": {"$lt": before}})


def _taking(budget: Budget, now: datetime) -> list[dict[str, Any]]:
    """What was used fills up with time since `at`; one more is used where that leaves one.

    `at` does not go back: of two clocks, the one behind would let the other fill up the same seconds again and again.
    But no clock is believed to be far ahead: nothing would fill up until then.
    """
    elapsed_ms = {"$max": [0, {"$subtract": [now, {"$ifNull": ["$at", now]}]}]}
    filled = {"$divide": [elapsed_ms, budget.seconds * 1000]}
    left = {"$max": [0, {"$subtract": [{"$ifNull": ["$used", 0]}, filled]}]}
    return [
        {"$set": {"used": left, "at": {"$min": [{"$max": ["$at", now]}, now + MOST_APART]}}},
        {"$set": {"refused": {"$gt": [{"$add": ["$used", 1]}, budget.tries]}}},
        {"$set": {"used": {"$cond": ["$refused", "$used", {"$add": ["$used", 1]}]}}},
    ]
