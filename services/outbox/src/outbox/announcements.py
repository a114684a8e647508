"""What results will announce: kept before they are written, published after, and then forgotten.

A result names its announcement, so whoever finds one that was forgotten knows whether it counts. One document for the
results of a whole batch costs a fraction of a mark in each message that would have to be taken away again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from common.events import Outgoing
from common.mongo import Document, Index, Mongo
from outbox.queue import Result

RECORD = ("topic", "key", "value", "headers")
INDEXES = [Index("announcements", (("at", 1),))]


class Announcements:
    """Queries by intent; for all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo.collection("messages").of_all_partners
        self._announcements = mongo.shared("announcements")

    async def keep(self, by_id: Mapping[str, tuple[str, Sequence[Result]]], now: datetime) -> None:
        """Keep the records of results, by the announcement's id, with the token of the claim they belong to."""
        documents = [
            {"_id": announcement, "at": now, "token": token, "facts": [_fact(one) for one in results if one.record]}
            for announcement, (token, results) in by_id.items()
        ]
        if documents:
            await self._announcements.insert_many(documents, ordered=False)

    async def forget(self, ids: Sequence[str]) -> None:
        """What was published need not be kept."""
        await self._announcements.delete_many({"_id": {"$in": list(ids)}})

    async def left_behind(self, before: datetime, limit: int) -> list[tuple[str, list[Outgoing]]]:
        """(id, records) of announcements from before `before`: whoever should have published them did not.

        Only those count whose result was written; while one of them can still be written, all wait.
        """
        found = await self._announcements.find({"at": {"$lt": before}}, sort=[("at", 1)], limit=limit).to_list()
        ids = [fact["message_id"] for one in found for fact in one["facts"]]
        fields = {"attempts.announcement": 1, "claim.token": 1}
        messages = {one["_id"]: one async for one in self._messages.find({"_id": {"$in": ids}}, fields)}
        return [
            (one["_id"], [_record(fact) for fact in one["facts"] if _counts(messages.get(fact["message_id"]), one)])
            for one in found
            if not any(_is_open(messages.get(fact["message_id"]), one) for fact in one["facts"])
        ]


def _fact(result: Result) -> Document:
    assert result.record is not None
    record = result.record
    return {name: getattr(record, name) for name in RECORD} | {"message_id": result.message["_id"]}


def _record(fact: Document) -> Outgoing:
    return Outgoing(fact["topic"], fact["key"], fact["value"], [(name, value) for name, value in fact["headers"]])


def _is_open(message: Document | None, announcement: Document) -> bool:
    """True while the announced result of `message` may still be written."""
    return message is not None and message.get("claim", {}).get("token") == announcement["token"]


def _counts(message: Document | None, announcement: Document) -> bool:
    """True when the announced result was written; a message that is gone was deleted after that."""
    return message is None or any(one.get("announcement") == announcement["_id"] for one in message["attempts"])
