"""The documents of signing keys."""

from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.events import SigningKeyChanged
from common.mongo import Document, Mongo
from common.relay import announce_index
from common.resealing import Sealed
from identity.keys.domain import SigningKey

INDEXES = [announce_index("signing_keys")]
SEALED = [Sealed("signing_keys", "sealed", lambda key, _: key["_id"])]


class KeyStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self.collection: AsyncCollection[Document] = mongo.shared("signing_keys")

    async def all(self) -> list[SigningKey]:
        """Every key, trusted or not; there are few."""
        return [_key(document) async for document in self.collection.find({})]

    async def add(self, key: SigningKey) -> bool:
        """False when a key of this id is there already (another replica was first)."""
        document: Document = {
            "_id": key.kid,
            "public_key": key.public_key,
            "sealed": key.sealed,
            "active_from": key.active_from,
            "retires_at": key.retires_at,
            "trusted_until": key.trusted_until,
            "version": key.version,
            "announce": True,
        }
        try:
            await self.collection.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def retire_others(self, kid: str, at: datetime, trusted_until: datetime) -> None:
        """Let every key but this one stop at that time, if it does not before, and be trusted only until the last token
        signed with it has expired."""
        await self.collection.update_many(
            {"_id": {"$ne": kid}, "retires_at": {"$gt": at}},
            {"$set": {"retires_at": at, "trusted_until": trusted_until, "announce": True}, "$inc": {"version": 1}},
        )


def _key(document: Document) -> SigningKey:
    return SigningKey(
        kid=document["_id"],
        public_key=document["public_key"],
        sealed=document["sealed"],
        active_from=document["active_from"],
        retires_at=document["retires_at"],
        trusted_until=document["trusted_until"],
        version=document["version"],
        is_announced=document["version"] > 1 or "announce" not in document,  # those that retire early were before
    )


def to_key_changed(document: Document) -> SigningKeyChanged:
    """What is announced of a key."""
    fields = {name: document[name] for name in ("version", "public_key", "trusted_until")}
    return SigningKeyChanged(kid=document["_id"], **fields)
