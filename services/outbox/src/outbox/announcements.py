"""What results will announce: kept before they are written, published after, and then forgotten.

A result names its announcement, so whoever finds one that was forgotten knows whether it counts. One document for the
results of a whole batch costs a fraction of a mark in each message that would have to be taken away again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from common.events import Outgoing
from common.mongo import Document, Index, Mongo
from outbox.domain import Outcome
from outbox.facts import Fact, record_of
from outbox.queue import Result

INDEXES = [Index("announcements", (("at", 1),))]


class Announcements:
    """Queries by intent; for all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo.collection("messages").of_all_partners
        self._announcements = mongo.shared("announcements")

    async def keep(self, by_id: Mapping[str, tuple[str, Sequence[Result]]], now: datetime) -> None:
        """Keep the facts of results, by the announcement's id, with the token of the claim they belong to."""
        documents = [
            {
                "_id": announcement,
                "at": now,
                "token": token,
                "facts": [_fields(one.fact) for one in results if one.fact],
            }
            for announcement, (token, results) in by_id.items()
        ]
        if documents:
            await self._announcements.insert_many(documents, ordered=False)

    async def forget(self, ids: Sequence[str]) -> None:
        """What was published need not be kept."""
        await self._announcements.delete_many({"_id": {"$in": list(ids)}})

    async def are_kept(self, ids: Sequence[str]) -> bool:
        """True while it is not certain that all of these were published."""
        return bool(ids) and await self._announcements.find_one({"_id": {"$in": list(ids)}}, {"_id": 1}) is not None

    async def left_behind(self, before: datetime, limit: int) -> list[tuple[str, list[Outgoing]]]:
        """(id, records) of announcements from before `before`: whoever should have published them did not.

        Only those count whose result was written; while one of them can still be written, all wait.
        """
        found = await self._announcements.find({"at": {"$lt": before}}, sort=[("at", 1)], limit=limit).to_list()
        ids = [fact["message_id"] for one in found for fact in one["facts"]]
        without = {"content.text": 0, "content.html": 0}
        messages = {one["_id"]: one async for one in self._messages.find({"_id": {"$in": ids}}, without)}
        return [
            (one["_id"], [record for fact in one["facts"] for record in _records(one, fact, messages)])
            for one in found
            if not any(_is_open(one, messages.get(fact["message_id"])) for fact in one["facts"])
        ]


def _fields(fact: Fact) -> Document:
    """By hand: `asdict` takes eight times as long."""
    return {"message_id": fact.message_id, "reason": fact.reason, "provider_id": fact.provider_id, "trace": fact.trace}


def _is_open(announcement: Document, message: Document | None) -> bool:
    """True while the announced result of `message` may still be written."""
    return message is not None and message.get("claim", {}).get("token") == announcement["token"]


def _records(announcement: Document, kept: Document, messages: Mapping[str, Document]) -> Iterator[Outgoing]:
    """The record of a kept fact, if its result was written."""
    fact = Fact(**kept | {"reason": Outcome(kept["reason"])})
    message = messages.get(fact.message_id, {"attempts": []})
    for number, attempt in enumerate(message["attempts"], 1):
        if attempt.get("announcement") == announcement["_id"]:
            yield record_of(fact, message, number, attempt["ended_at"], attempt["reply"])
