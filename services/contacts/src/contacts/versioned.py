"""Documents that two people may edit at once: versions, who changed what, and deletes that forget (A1, A3)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.authors import Author
from common.errors import ChangedMeanwhile, NotFound
from common.mongo import Document, PartnerCollection, is_taken
from common.telemetry import current_traceparent

PLATFORM = Author("platform")
"""Who changed it, when it was nobody's own doing."""


@dataclass(frozen=True, slots=True)
class Change:
    """Who did what, when; `fields` are what became different: name -> (before, after)."""

    at: datetime
    author: Author
    action: str
    fields: Mapping[str, tuple[Any, Any]]


class Versioned:
    """Versioned documents of one collection; `names` are the fields that people change. `history_kept`: so many changes
    of a document are remembered. `announce`: each change is marked for the relay."""

    def __init__(
        self, collection: PartnerCollection, names: Sequence[str], history_kept: int, *, announce: bool = False
    ) -> None:
        self.collection = collection
        self._names = names
        self._history_kept = history_kept
        self._announce = announce

    async def known(self, partner_id: str, document_id: str) -> Document:
        """Raises NotFound."""
        query = {"_id": document_id, "deleted": False}
        document = await self.collection.of(partner_id).find_one(query, projection={"history": 0})
        if document is None:
            raise NotFound("There is none with this id.")
        return document

    async def add(
        self, partner_id: str, document_id: str, fields: Document, author: Author, request: str | None
    ) -> Document:
        """The new document; the first one when `request` (an idempotency key) was used before.

        Raises DuplicateKeyError when another unique field is taken.
        """
        own = self.collection.of(partner_id)
        document = fields | {"_id": document_id, "deleted": False, "version": 1} | self._change(author)
        document["history"] = [_entry(document, author, "added", {})]
        while True:
            try:
                await own.insert(document | ({"request": request} if request else {}))
            except DuplicateKeyError as error:
                first = await own.find_one({"request": request}) if request else None
                if first is not None:
                    return first
                if not is_taken(error, "request"):
                    raise
                continue  # it was deleted in this moment, and its key is free again
            return document

    async def change(
        self,
        partner_id: str,
        document_id: str,
        author: Author,
        only_version: int | None,
        make: Callable[[Document], Awaitable[Document]],
    ) -> Document:
        """Write what `make` makes of the document's present fields; unchanged when that is the same.

        Raises NotFound, ChangedMeanwhile, and DuplicateKeyError when a unique field is taken.
        """
        while True:
            current = await self.known(partner_id, document_id)
            _check(current, only_version)
            fields = await make(current)
            differences = _differences(current, fields, self._names)
            if not differences:
                return current
            written = await self.collection.of(partner_id).find_one_and_update(
                {"_id": document_id, "deleted": False, "version": current["version"]},
                self._update(author, "changed", fields, differences),
                return_document=ReturnDocument.AFTER,
                projection={"history": 0},
            )
            if written is not None:
                return written

    def by_ourselves(self, action: str, fields: Document) -> Document:
        """The update by which the platform itself sets fields that are empty."""
        return self._update(PLATFORM, action, fields, {name: [None, value] for name, value in fields.items()})

    def _update(self, author: Author, action: str, fields: Document, differences: Document) -> Document:
        change = self._change(author)
        entry = _entry(change, author, action, differences)
        return {
            "$set": fields | change,
            "$inc": {"version": 1},
            "$push": {"history": {"$each": [entry], "$slice": -self._history_kept}},
        }

    async def remove(self, partner_id: str, document_id: str, author: Author, only_version: int | None) -> None:
        """Forget everything in it; its id, its version and who deleted it stay, so that nothing brings it back.

        Raises NotFound, ChangedMeanwhile.
        """
        while True:
            current = await self.known(partner_id, document_id)
            _check(current, only_version)
            change = self._change(author)
            stays = {"_id", "partner_id", "deleted", "version", "history", *change}
            result = await self.collection.of(partner_id).update_one(
                {"_id": document_id, "deleted": False, "version": current["version"]},
                {
                    "$set": {"deleted": True, "history": [_entry(change, author, "deleted", {})], **change},
                    "$inc": {"version": 1},
                    "$unset": dict.fromkeys(current.keys() - stays, ""),
                },
            )
            if result.modified_count == 1:
                return

    async def history(self, partner_id: str, document_id: str) -> list[Change]:
        """Its changes, the newest first; of a deleted one, only that. Raises NotFound."""
        found = await self.collection.of(partner_id).find_one({"_id": document_id}, projection={"history": 1})
        if found is None:
            raise NotFound("There is none with this id.")
        return [_change_of(entry) for entry in reversed(found["history"])]

    def _change(self, author: Author) -> Document:
        said = author.fields()
        change: Document = {
            "changed_at": datetime.now(UTC),
            "changed_by": said["by"],
            "changed_actor": said.get("actor"),
        }
        if self._announce:
            change |= {"announce": True, "trace": current_traceparent()}
        return change


def _check(current: Document, only_version: int | None) -> None:
    if only_version is not None and current["version"] != only_version:
        raise ChangedMeanwhile(
            "Read it again and repeat your change.",
            current_version=current["version"],
            changed_by=current["changed_by"],
            actor=current.get("changed_actor"),
            changed_at=current["changed_at"].isoformat(),
        )


def _differences(before: Document, after: Document, names: Sequence[str]) -> Document:
    return {name: [before[name], after[name]] for name in names if name in after and before[name] != after[name]}


def _entry(change: Document, author: Author, action: str, fields: Document) -> Document:
    return {"at": change["changed_at"], **author.fields(), "action": action, "fields": fields}


def _change_of(entry: Document) -> Change:
    return Change(entry["at"], Author.of(entry), entry["action"], entry["fields"])
