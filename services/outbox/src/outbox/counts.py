"""How many messages each account has that are not sent, for the metrics (B9)."""

from pymongo.asynchronous.collection import AsyncCollection

from common.mongo import Document
from outbox.domain import Status

COUNTED_AT_ONCE = 10
"""Messages of so many accounts are counted by one statement: nothing else shall have to wait for it long."""


async def by_status_and_account(messages: AsyncCollection[Document]) -> list[tuple[str, str, int]]:
    """(status, account, how many) of what is not sent."""
    counts = await _counts(messages, {"status": Status.SENDING})
    for status in (Status.WAITING, Status.ERROR):
        accounts = await messages.distinct("account_id", {"status": status})
        for first in range(0, len(accounts), COUNTED_AT_ONCE):
            some = accounts[first : first + COUNTED_AT_ONCE]
            counts += await _counts(messages, {"status": status, "account_id": {"$in": some}})
    return counts


async def _counts(messages: AsyncCollection[Document], chosen: Document) -> list[tuple[str, str, int]]:
    pipeline = [{"$match": chosen}, {"$group": {"_id": "$account_id", "count": {"$sum": 1}}}]
    cursor = await messages.aggregate(pipeline)
    return [(chosen["status"].value, one["_id"] or "none", one["count"]) async for one in cursor]
