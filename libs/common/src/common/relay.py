"""Announcing what was written: the second half of "a state change and the event about it are one write".

State topics: a write sets `announce: true` beside the new `version`; the relay publishes the whole state and clears the
mark only where the version is still the same. A crash between the two publishes again, never loses.
"""

import asyncio
from collections.abc import Callable, Sequence

from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from common.events.envelope import Outgoing, State, encode, tombstone
from common.jobs import Stop, whenever
from common.kafka.connection import Kafka
from common.mongo import Document, Index

BATCH = 500


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

    def wake(self) -> None:
        """Say that something was written; without it the relay finds it within `LEFT_BEHIND_SECONDS`."""
        self._wake.set()

    async def run(self, stop: Stop) -> None:
        """Publish what is marked until `stop`."""
        await whenever(self._wake, "state relay", self._publish_batch, apart=self._apart).run(stop)

    async def _publish_batch(self) -> bool:
        """True when there may be more."""
        return await self.publish_due() == BATCH

    async def publish_due(self) -> int:
        """Publish one batch of what is marked; returns how many."""
        found = await self._collection.find({"announce": True}, limit=BATCH).to_list()
        if not found:
            return 0
        await self._kafka.publish([record for document in found for record in self._records(document)])
        await self._collection.bulk_write([change for document in found for change in _marks(document)], ordered=False)
        return len(found)

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
    return UpdateOne(same, {"$unset": {"announce": ""}}), UpdateOne(newer, {"$set": {"announce": True}})
