"""What partners set, by kind: recipients, silence, words; and what is set for all kinds at once.

Recipients, mute and words of a kind are one document, so that events ask for all at once (`Store` reads it).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from common.ids import computed_id
from common.mongo import Document, Mongo, OnePartner
from notifications.documents import entry_document, quiet_hours_document, quiet_hours_of, settings_id
from notifications.domain import ByEmail, Entry
from notifications.links import Subscription
from notifications.quiet_hours import QuietHours
from notifications.storage import refused_id


class Preferences:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._settings = mongo.collection("settings")
        self._refused = mongo.collection("refused")
        self._unsubscribed = mongo.collection("unsubscribed")
        self._quiet_hours = mongo.collection("quiet_hours")

    async def set_entries(self, partner_id: str, kind: str, entries: Sequence[Entry]) -> None:
        """Say who receives a kind. What a mail server refused is tried again wherever it is listed; whoever
        unsubscribed is subscribed again only if he was not listed before: another edit is not his consent."""
        before = await self._addresses_of(partner_id, kind)
        for address in [entry.email for entry in entries if isinstance(entry, ByEmail)]:
            await self._refused.of(partner_id).delete_one({"_id": refused_id(partner_id, address)})
            if address.casefold() not in before:
                await self.subscribe_again(partner_id, kind, address)
        # Last, so that a request that was cut off and is repeated finds the same addresses new.
        await self._set(partner_id, kind, {"entries": [entry_document(entry) for entry in entries]})

    async def _addresses_of(self, partner_id: str, kind: str) -> set[str]:
        """The addresses that are listed now, casefolded."""
        found = await self._settings.of(partner_id).find_one({"_id": settings_id(partner_id, kind)}) or {}
        return {one["email"].casefold() for one in found.get("entries", []) if "email" in one}

    async def unsubscribe(self, one: Subscription, now: datetime) -> None:
        """Once, however often it is asked for."""
        document_id = computed_id(one.partner_id, one.kind, one.address)
        document = {"_id": document_id, "kind": one.kind, "address": one.address, "at": now}
        with suppress(DuplicateKeyError):
            await self._unsubscribed.of(one.partner_id).insert(document)

    async def subscribe_again(self, partner_id: str, kind: str, address: str) -> bool:
        """False when this address had not unsubscribed."""
        query = {"kind": kind, "address": address.casefold()}
        return (await self._unsubscribed.of(partner_id).delete_one(query)).deleted_count > 0

    async def reset_entries(self, partner_id: str, kind: str) -> None:
        await self._unset(partner_id, kind, "entries")

    async def mute(self, partner_id: str, kind: str, until: datetime) -> None:
        await self._set(partner_id, kind, {"muted_until": until})

    async def unmute(self, partner_id: str, kind: str) -> None:
        await self._unset(partner_id, kind, "muted_until")

    async def set_words(self, partner_id: str, kind: str, language: str, words: Mapping[str, str]) -> None:
        await self._set(partner_id, kind, {f"words.{language}": dict(words)})

    async def reset_words(self, partner_id: str, kind: str, language: str) -> None:
        await self._unset(partner_id, kind, f"words.{language}")

    async def set_digest(self, partner_id: str, kind: str, minutes: int) -> None:
        await self._set(partner_id, kind, {"digest_minutes": minutes})

    async def reset_digest(self, partner_id: str, kind: str) -> None:
        await self._unset(partner_id, kind, "digest_minutes")

    async def quiet_hours(self, partner_id: str) -> QuietHours | None:
        document = await self._quiet_hours.of(partner_id).find_one({"_id": partner_id})
        return quiet_hours_of(document) if document else None

    async def set_quiet_hours(self, partner_id: str, hours: QuietHours) -> None:
        await _upsert(self._quiet_hours.of(partner_id), partner_id, quiet_hours_document(hours))

    async def reset_quiet_hours(self, partner_id: str) -> None:
        await self._quiet_hours.of(partner_id).delete_one({"_id": partner_id})

    async def _set(self, partner_id: str, kind: str, fields: Document) -> None:
        await _upsert(self._settings.of(partner_id), settings_id(partner_id, kind), {"kind": kind, **fields})

    async def _unset(self, partner_id: str, kind: str, field: str) -> None:
        query: dict[str, Any] = {"_id": settings_id(partner_id, kind)}
        await self._settings.of(partner_id).update_one(query, {"$unset": {field: ""}})


async def _upsert(collection: OnePartner, document_id: str, fields: Document) -> None:
    query, change = {"_id": document_id}, {"$set": fields}
    try:
        await collection.update_one(query, change, upsert=True)
    except DuplicateKeyError:  # another request made the document in this moment: now it is there to be changed
        await collection.update_one(query, change)
