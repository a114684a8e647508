"""What was used of an account's allowances, in the account's own document, so that all replicas share it.

Permits are taken before messages are claimed: a process that dies in between has used some for nothing, and never are
more messages tried than the account says.
"""

from datetime import datetime, timedelta
from typing import Any

from pymongo import ReturnDocument

from common.clocks import MOST_APART
from common.mongo import Document, Mongo
from outbox.rates.domain import Permits, next_day

LONGEST_SECONDS = 86_400.0
"""A rate may be so small that its next permit is beyond all calendars."""


class RateStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._accounts = mongo.collection("accounts")

    async def take_of_all_partners(self, account_id: str, wanted: int, now: datetime) -> Permits:
        """Up to `wanted` permits of an account, by what it says at this moment."""
        found = await self._accounts.of_all_partners.find_one_and_update(
            {"_id": account_id},
            _taking(wanted, now),
            projection={"used": 1, "rate": 1},
            return_document=ReturnDocument.AFTER,
        )
        if found is None:
            return Permits(0, next_day(now))
        used = found["used"]
        if until := used["until"]:
            return Permits(used["given"], until)
        per_second = found["rate"]["per_second"]
        seconds = max(0.0, (1 - used["left"]) / per_second) if per_second else 0.0
        return Permits(used["given"], now + timedelta(seconds=min(seconds, LONGEST_SECONDS)))

    async def give_back_of_all_partners(self, account_id: str, count: int, now: datetime) -> None:
        """Permits that were taken on the day of `now`, and not used."""
        back: Document = {
            "used.of_day": {"$max": [0, {"$subtract": ["$used.of_day", count]}]},
            "used.left": {"$add": ["$used.left", count]},
            "used.until": None,
        }
        same_day = {"_id": account_id, "used.day_ends": next_day(now)}
        await self._accounts.of_all_partners.update_one(same_day, [{"$set": back}])


def _taking(wanted: int, now: datetime) -> list[dict[str, Any]]:
    """A second's allowance fills up with time, up to itself; a day's begins anew at midnight. Both by the clock that is
    ahead: what it has counted already does not come again for one that is behind."""
    days = [next_day(now), next_day(now + MOST_APART)]
    is_begun = {"$in": ["$used.day_ends", days]}
    per_second, per_day = "$rate.per_second", "$rate.per_day"
    most = {"$max": [1, per_second]}
    seconds = {"$divide": [{"$max": [0, {"$subtract": [now, {"$ifNull": ["$used.at", now]}]}]}, 1000]}
    filled = {"$add": [{"$ifNull": ["$used.left", most]}, {"$multiply": [seconds, per_second]}]}
    fresh: Document = {
        "used.of_day": {"$cond": [is_begun, "$used.of_day", 0]},
        "used.day_ends": {"$cond": [is_begun, "$used.day_ends", next_day(now)]},
        "used.left": {"$cond": [{"$gt": [per_second, None]}, {"$min": [most, filled]}, None]},
        "used.at": {"$min": [{"$max": ["$used.at", now]}, now + MOST_APART]},
    }
    in_second = {"$ifNull": [{"$floor": "$used.left"}, wanted]}
    in_day = {"$cond": [{"$gt": [per_day, None]}, {"$subtract": [per_day, "$used.of_day"]}, wanted]}
    given = {"$toInt": {"$max": [0, {"$min": [wanted, in_second, in_day]}]}}
    is_day_over = {"$and": [{"$gt": [per_day, None]}, {"$gte": ["$used.of_day", per_day]}]}
    return [
        {"$set": fresh},
        {"$set": {"used.given": given}},
        {
            "$set": {
                "used.of_day": {"$add": ["$used.of_day", "$used.given"]},
                "used.left": {"$subtract": ["$used.left", "$used.given"]},
            }
        },
        {"$set": {"used.until": {"$cond": [is_day_over, "$used.day_ends", None]}}},
    ]
