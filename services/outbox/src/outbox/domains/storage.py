"""The domains of partners in the database."""

from contextlib import suppress
from dataclasses import asdict

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.mongo import Document, Index, Mongo
from common.resealing import Sealed
from outbox.domains.domain import Domain, Key, sealed_for

INDEXES = [Index("domains", (("partner_id", 1), ("name", 1)), unique=True)]
SEALED = [
    Sealed("domains", f"{which}.private", lambda one, key: sealed_for(one["partner_id"], one["name"], key["selector"]))
    for which in ("signing", "waiting")
]
MOST = 200


class DomainStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._domains = mongo.collection("domains")
        self._accounts = mongo.collection("accounts")

    async def all(self, partner_id: str) -> list[Domain]:
        found = self._domains.of(partner_id).find({}, sort=[("name", 1)], limit=MOST)
        return [_domain(one) async for one in found]

    async def get(self, partner_id: str, name: str) -> Domain | None:
        found = await self._domains.of(partner_id).find_one({"name": name})
        return _domain(found) if found else None

    async def propose(self, partner_id: str, name: str, key: Key) -> Domain:
        """Let `key` wait, unless another does already."""
        domains = self._domains.of(partner_id)
        with suppress(DuplicateKeyError):  # one waits already
            await domains.update_one({"name": name, "waiting": None}, {"$set": {"waiting": asdict(key)}}, upsert=True)
        found = await self.get(partner_id, name)
        return found or await self.propose(partner_id, name, key)

    async def sign_with(self, partner_id: str, name: str, key: Key) -> Domain | None:
        """Let the waiting `key` sign; None when it does not wait any more."""
        changed = await self._domains.of(partner_id).find_one_and_update(
            {"name": name, "waiting.selector": key.selector},
            [{"$set": {"signing": "$waiting", "waiting": None}}],
            return_document=ReturnDocument.AFTER,
        )
        return _domain(changed) if changed else None

    async def remove(self, partner_id: str, name: str) -> bool:
        return (await self._domains.of(partner_id).delete_one({"name": name})).deleted_count == 1

    async def renew_connections(self, partner_id: str) -> None:
        """Let every process read the keys again, before it sends the next mail of these accounts."""
        await self._accounts.of(partner_id).update_many({}, {"$inc": {"version": 1}})


def _domain(document: Document) -> Domain:
    return Domain(document["name"], _key(document.get("signing")), _key(document.get("waiting")))


def _key(document: Document | None) -> Key | None:
    return Key(**document) if document else None
