"""Announcing what was written: the second half of "a state change and the event about it are one write".

State topics: a write sets `announce: true` beside the new `version`; the relay publishes the whole state and clears the
mark only where the version is still the same. A crash between the two publishes again, never loses.

Of two relays one may publish an older state behind the newer one of the other, and not live to say that the newer one
is due again. So each notes first what it is about to publish, and what a note is left of is announced once more.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from common.events.envelope import Outgoing, State, encode, tombstone
from common.ids import new_id
from common.jobs import Stop, whenever
from common.kafka.connection import Kafka
from common.mongo import Document, Index

BATCH = 500
LEFT_SECONDS = 60.0
"""Longer than publishing a batch takes: whoever left a note that is older is gone."""
LOOK_SECONDS = 15.0
"""How often it is looked for such notes."""


def announce_index(collection: str) -> Index:
    """The index that the relay of `collection` reads; put it into the service's INDEXES."""
    return Index(collection, (("announce", 1),), where=(("announce", True),))


class StateRelay:
    """Publishes the documents of a collection whose state changed."""

    def __init__(
        self,
        collection: AsyncCollection[Document],
        kafka: Kafka,
        source: str,
        to_event: Callable[[Document], State],
        *,
        apart: float = 0.0,
    ) -> None:
        """`apart`: rounds begin at least so many seconds one after the other."""
        self._collection = collection
        self._kafka = kafka
        self._source = source
        self._to_event = to_event
        self._wake = asyncio.Event()
        self._apart = apart
        self._name = new_id("rly")
        # One of each process, so that no index is needed.
        self._notes: AsyncCollection[Document] = collection.database[f"{collection.name}_announcing"]
        self._in_doubt = set[Any]()
        self._look_at = float("-inf")

    def wake(self) -> None:
        """Say that something was written; without it the relay finds it within `LEFT_BEHIND_SECONDS`."""
        self._wake.set()

    async def run(self, stop: Stop) -> None:
        """Publish what is marked until `stop`."""
        await whenever(self._wake, "state relay", self._publish_batch, apart=self._apart).run(stop)

    async def _publish_batch(self) -> bool:
        """True when there may be more."""
        now = asyncio.get_running_loop().time()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            await self.take_up()
        return await self.publish_due() == BATCH

    async def publish_due(self) -> int:
        """Publish one batch of what is marked; returns how many."""
        found = await self._collection.find({"announce": True}, limit=BATCH).to_list()
        if not found and not self._in_doubt:
            return 0
        ids = {document["_id"] for document in found}
        self._in_doubt |= ids
        note: Document = {"at": datetime.now(UTC), "ids": list(self._in_doubt)}
        await self._notes.replace_one({"_id": self._name}, note, upsert=True)
        if found:
            await self._kafka.publish([record for document in found for record in self._records(document)])
        changes = [change for document in found for change in _marks(document)]
        changes += [_mark({"_id": one}) for one in self._in_doubt - ids]
        await self._collection.bulk_write(changes, ordered=False)
        self._in_doubt.clear()
        await self._notes.delete_one({"_id": self._name})
        return len(found)

    async def take_up(self) -> None:
        """Mark again what others were about to publish who did not live to say what came of it."""
        before = datetime.now(UTC) - timedelta(seconds=LEFT_SECONDS)
        async for note in self._notes.find({"at": {"$lt": before}}):
            await self._collection.update_many({"_id": {"$in": note["ids"]}}, {"$set": {"announce": True}})
            await self._notes.delete_one({"_id": note["_id"], "at": note["at"]})

    def _records(self, document: Document) -> Sequence[Outgoing]:
        event = self._to_event(document)
        state = encode(
            event, event_id=f"{event.key()}@{event.version}", source=self._source, trace=document.get("trace")
        )
        return (state, tombstone(event)) if event.deleted else (state,)


def _marks(document: Document) -> Sequence[UpdateOne]:
    """Clear the mark, unless the document went on meanwhile.

    Then another relay may have announced the newer state before this one announced the older, which must not stay the
    last word in a compacted topic: so the newest is announced once more.
    """
    same = {"_id": document["_id"], "version": document["version"]}
    newer = {"_id": document["_id"], "version": {"$gt": document["version"]}}
    return UpdateOne(same, {"$unset": {"announce": ""}}), _mark(newer)


def _mark(query: Document) -> UpdateOne:
    return UpdateOne(query, {"$set": {"announce": True}})
