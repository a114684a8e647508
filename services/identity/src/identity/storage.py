"""Identity's documents: partners, users, signing keys."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.auth import UserRole
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from identity.domain import OWNER_PERMISSIONS, EmailTaken, Partner, SigningKey, User

INDEXES = [
    announce_index("partners"),
    announce_index("signing_keys"),
    Index("users", (("email", 1),), unique=True),
    Index("users", (("partner_id", 1), ("_id", 1))),
    Index("partners", (("request", 1),), unique=True, where=(("request", {"$exists": True}),)),
]


class Store:
    """Queries by intent. A user's and a partner's documents carry `partner_id`, so that requests see only their own."""

    def __init__(self, mongo: Mongo) -> None:
        self.partners = mongo.collection("partners")
        self.users = mongo.collection("users")
        self.keys: AsyncCollection[Document] = mongo.shared("signing_keys")

    async def user_by_email_of_all_partners(self, email: str) -> User | None:
        """Whoever signs in with this (casefolded) address."""
        document = await self.users.of_all_partners.find_one({"email": email})
        return _user(document) if document else None

    async def user(self, partner_id: str, user_id: str) -> User | None:
        document = await self.users.of(partner_id).find_one({"_id": user_id})
        return _user(document) if document else None

    async def users_of(self, partner_id: str, after: str, limit: int) -> list[User]:
        """Users of a partner by id, after the id `after`."""
        found = self.users.of(partner_id).find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit)
        return [_user(document) async for document in found]

    async def add_user(self, user: User) -> None:
        """Raises EmailTaken."""
        document = {
            "_id": user.id,
            "email": user.email,
            "name": user.name,
            "permissions": sorted(user.permissions),
            "roles": sorted(user.roles),
            "password_hash": user.password_hash,
            "is_owner": user.is_owner,
        }
        try:
            await self.users.of(user.partner_id).insert(document)
        except DuplicateKeyError:
            raise EmailTaken("Somebody signs in with this address already; use another one.") from None

    async def change_user(self, partner_id: str, user_id: str, change: dict[str, Any]) -> User | None:
        document = await self.users.of(partner_id).find_one_and_update(
            {"_id": user_id}, {"$set": change}, return_document=ReturnDocument.AFTER
        )
        return _user(document) if document else None

    async def remove_user(self, partner_id: str, user_id: str) -> bool:
        return (await self.users.of(partner_id).delete_one({"_id": user_id})).deleted_count == 1

    async def partner(self, partner_id: str) -> Partner | None:
        document = await self.partners.of(partner_id).find_one({"_id": partner_id})
        return _partner(document) if document else None

    async def partners_of_all(self, after: str, limit: int) -> list[Partner]:
        """All partners by id, after the id `after`; for staff."""
        found = self.partners.of_all_partners.find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit)
        return [_partner(document) async for document in found]

    async def partner_of_request(self, request: str) -> Partner | None:
        """The partner that was made for an idempotency key."""
        document = await self.partners.of_all_partners.find_one({"request": request})
        return _partner(document) if document else None

    async def add_partner(self, partner: Partner, trace: str | None, request: str | None) -> None:
        """Raises DuplicateKeyError when the idempotency key was used at the same moment."""
        document: Document = {
            "_id": partner.id,
            "name": partner.name,
            "language": partner.language,
            "country": partner.country,
            "owner_email": partner.owner_email,
            "categories": list(partner.categories),
            "owner_id": partner.owner_id,
            "version": partner.version,
            "announce": True,
            "trace": trace,
        }
        await self.partners.of(partner.id).insert(document | ({"request": request} if request else {}))

    async def change_partner(self, partner_id: str, change: dict[str, Any], trace: str | None) -> Partner | None:
        """Change and announce in one write."""
        document = await self.partners.of(partner_id).find_one_and_update(
            {"_id": partner_id},
            {"$set": {**change, "announce": True, "trace": trace}, "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return _partner(document) if document else None

    async def signing_keys(self) -> list[SigningKey]:
        """Every key, trusted or not; there are few."""
        return [_key(document) async for document in self.keys.find({})]

    async def add_key(self, key: SigningKey) -> bool:
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
            await self.keys.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def retire_keys(self, now: datetime, trusted_until: datetime) -> None:
        """Let every key that still signs stop, and be trusted only until the last token signed with it has expired."""
        await self.keys.update_many(
            {"retires_at": {"$gt": now}},
            {"$set": {"retires_at": now, "trusted_until": trusted_until, "announce": True}, "$inc": {"version": 1}},
        )


def _user(document: Document) -> User:
    return User(
        id=document["_id"],
        partner_id=document["partner_id"],
        email=document["email"],
        name=document["name"],
        permissions=OWNER_PERMISSIONS if document["is_owner"] else frozenset(document["permissions"]),
        password_hash=document["password_hash"],
        is_owner=document["is_owner"],
        roles=frozenset(map(UserRole, document.get("roles", ()))),
    )


def _partner(document: Document) -> Partner:
    return Partner(
        id=document["_id"],
        name=document["name"],
        language=document["language"],
        country=document["country"],
        owner_email=document["owner_email"],
        categories=tuple(document["categories"]),
        owner_id=document["owner_id"],
        version=document["version"],
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
    )
