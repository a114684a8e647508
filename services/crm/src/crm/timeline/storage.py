"""The documents of the timeline: what was sent to whom, and what came of it."""

from collections.abc import Sequence
from datetime import datetime

from common.mongo import Document, Index, Mongo, behind, insert_new

NEWEST = (("at", -1), ("_id", -1))
INDEXES = [
    Index("timeline", (("partner_id", 1), ("folded_address", 1), *NEWEST)),
    Index("timeline", (("partner_id", 1), ("order_number", 1), *NEWEST)),
]


class TimelineStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._entries = mongo.collection("timeline")

    async def keep(self, entries: Sequence[Document]) -> None:
        """Put entries on the timeline, each once."""
        await insert_new(self._entries.of_all_partners, entries)

    async def of_address(
        self, partner_id: str, address: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[Document]:
        """What was sent to an address, newest first."""
        return await self._page(partner_id, {"folded_address": address.casefold()}, after, limit)

    async def of_order(
        self, partner_id: str, order_number: str, after: tuple[datetime, str] | None, limit: int
    ) -> list[Document]:
        """What was sent about an order, newest first."""
        return await self._page(partner_id, {"order_number": order_number}, after, limit)

    async def _page(
        self, partner_id: str, query: Document, after: tuple[datetime, str] | None, limit: int
    ) -> list[Document]:
        found = self._entries.of(partner_id).find(query | behind(after), sort=list(NEWEST), limit=limit)
        return [document async for document in found]
