"""The kinds: one document each, with its former versions inside, so that a change is one write.

Their fields are kept as JSON: an example may have names that the database does not take.
"""

from collections.abc import Iterable
from datetime import datetime

from common.mongo import Document, Mongo, insert_new

VERSIONS_KEPT = 20
_CURRENT = {"former": 0}


class KindStore:
    """Queries by intent. Kinds belong to the platform, not to partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._kinds = mongo.shared("kinds")

    async def ship(self, kinds: Iterable[tuple[str, str]], now: datetime) -> None:
        """Take the shipped kinds that are not there yet, and the newer state of those that staff never changed."""
        shipped = {kind_id: _document(kind_id, fields, 1, now, "shipped") for kind_id, fields in kinds}
        for kind_id in await insert_new(self._kinds, list(shipped.values())):
            fields = {"fields": shipped[kind_id]["fields"]}
            await self._kinds.update_one({"_id": kind_id, "by": "shipped"}, {"$set": fields})

    async def versions(self) -> dict[str, int]:
        """The version of every kind by id."""
        return {one["_id"]: one["version"] async for one in self._kinds.find({}, {"version": 1})}

    async def get(self, kind_ids: Iterable[str]) -> list[Document]:
        return await self._kinds.find({"_id": {"$in": list(kind_ids)}}, _CURRENT).to_list()

    async def with_former(self, kind_id: str) -> Document | None:
        """A kind with its former versions, the newest last."""
        return await self._kinds.find_one({"_id": kind_id})

    async def create(self, kind_id: str, fields: str, now: datetime, by: str) -> bool:
        """False when there is one of this id."""
        return not await insert_new(self._kinds, [_document(kind_id, fields, 1, now, by)])

    async def change(self, before: Document, fields: str, now: datetime, by: str) -> bool:
        """Replace the version that `before` is. False when somebody else did."""
        kept = {name: before[name] for name in ("version", "fields", "at", "by")}
        new = {"version": before["version"] + 1, "fields": fields, "at": now, "by": by}
        result = await self._kinds.update_one(
            {"_id": before["_id"], "version": before["version"]},
            {"$set": new, "$push": {"former": {"$each": [kept], "$slice": -VERSIONS_KEPT}}},
        )
        return result.modified_count == 1


def _document(kind_id: str, fields: str, version: int, now: datetime, by: str) -> Document:
    return {"_id": kind_id, "version": version, "fields": fields, "at": now, "by": by, "former": []}
