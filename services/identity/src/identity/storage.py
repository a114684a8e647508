"""Identity's documents: partners and users."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.auth import UserRole
from common.errors import Conflict
from common.events import AccessRevoked, PartnerChanged
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from identity.domain import OWNER_PERMISSIONS, EmailTaken, Partner, User
from identity.mails import storage as mails_storage
from identity.mails.domain import Mailing

INDEXES = [
    announce_index("partners"),
    announce_index("users"),
    Index("users", (("email", 1),), unique=True),
    Index("users", (("partner_id", 1), ("_id", 1))),
    Index("users", (("partner_id", 1), ("invited_as", 1)), where=(("invited_as", {"$exists": True}),)),
    Index("partners", (("request", 1),), unique=True, where=(("request", {"$exists": True}),)),
]

T = TypeVar("T")
LIVING: Document = {"deleted": {"$ne": True}}
_PROOFS = ("password_hash", "second_factor", "recovery_codes", "enrolment", "passkeys")
FORGOTTEN = ("name", "invited_as", "permissions", "roles", "email_verified", *_PROOFS, *mails_storage.FIELDS)
"""Of a deleted user."""


class Store:
    """Queries by intent. A user's and a partner's documents carry `partner_id`, so that requests see only their own."""

    def __init__(self, mongo: Mongo) -> None:
        self.partners = mongo.collection("partners")
        self.users = mongo.collection("users")

    async def user_by_email_of_all_partners(self, email: str) -> User | None:
        """Whoever signs in with this (folded) address."""
        document = await self.users.of_all_partners.find_one({"email": email})
        return to_user(document) if document else None

    async def user(self, partner_id: str, user_id: str) -> User | None:
        document = await self.users.of(partner_id).find_one({"_id": user_id, **LIVING})
        return to_user(document) if document else None

    async def users_of(self, partner_id: str, after: str, limit: int) -> list[User]:
        """Users of a partner by id, after the id `after`."""
        found = self.users.of(partner_id).find({"_id": {"$gt": after}, **LIVING}, sort=[("_id", 1)], limit=limit)
        return [to_user(document) async for document in found]

    async def add_user(self, user: User, mailing: Mailing | None = None) -> None:
        """With the invitation, in one write. Raises EmailTaken."""
        own = self.users.of(user.partner_id)
        if await own.find_one({"invited_as": user.email}):
            raise EmailTaken("You have invited this address already.")
        document = {
            "_id": user.id,
            "email": user.email,
            "name": user.name,
            "permissions": sorted(user.permissions),
            "roles": sorted(user.roles),
            "password_hash": user.password_hash,
            "is_owner": user.is_owner,
            "version": user.version,
            "sign_outs": user.sign_outs,
            "email_verified": user.email_verified,
        } | (mails_storage.inserted(mailing) if mailing else {})
        try:
            await self._taking_of_all_partners(user.partner_id, user.email, lambda: own.insert(document))
        except DuplicateKeyError:
            raise EmailTaken("Somebody signs in with this address already; use another one.") from None

    async def _taking_of_all_partners(self, partner_id: str, email: str, write: Callable[[], Awaitable[T]]) -> T:
        """A write by which a user of this partner has this address. Others that are only invited make room for it: they
        have theirs once they accept, if nobody signs in with it by then. Raises DuplicateKeyError."""
        invited = {"email": email, "password_hash": "", "partner_id": {"$ne": partner_id}}
        aside = [{"$set": {"invited_as": "$email", "email": "$_id"}}]
        while True:
            try:
                return await write()
            except DuplicateKeyError:
                if not (await self.users.of_all_partners.update_one(invited, aside)).modified_count:
                    raise

    async def rename_user(self, partner_id: str, user_id: str, name: str) -> User | None:
        """Nothing that a token says changes."""
        return await self._change_user(partner_id, user_id, {"$set": {"name": name}})

    async def mark_master(self, partner_id: str, user_id: str, is_master: bool) -> User | None:
        """The same: entries that go on are ended one by one."""
        return await self._change_user(partner_id, user_id, {"$set": {"is_master": is_master}})

    async def users_of_all_partners(self, ids: Collection[str]) -> dict[str, User]:
        """Those of `ids` who are there, by id."""
        found = self.users.of_all_partners.find({"_id": {"$in": list(ids)}, **LIVING})
        return {document["_id"]: to_user(document) async for document in found}

    async def revoke(
        self, partner_id: str, user_id: str, change: dict[str, Any], *, trace: str | None, sign_out: bool,
        was: int | None = None,
    ) -> User | None:  # fmt: skip
        """Change a user, and announce that his older tokens are refused, in one write; with `sign_out` his sessions
        end by it, too. None when he is gone, or his version is not what it `was`."""
        counts = {"version": 1, "sign_outs": int(sign_out)}
        update = {"$set": {**change, "announce": True, "trace": trace}, "$inc": counts}
        where = {} if was is None else {"version": was or None}
        return await self._change_user(partner_id, user_id, update, where)

    async def secure(
        self, user: User, change: Mapping[str, Any], *, trace: str | None, sign_out: bool, news: Mailing | None = None,
        where: Mapping[str, Any] | None = None, also: Mapping[str, Document] | None = None,
    ) -> User | None:  # fmt: skip
        """Change how a user signs in (None: forget it; `also`: by operators), tell him, and with `sign_out` end his
        sessions, in one write; links that were mailed to him before are not good any more. None when `where` is not
        true of him.

        Raises EmailTaken, or Conflict for whatever else is taken.
        """
        update: Document = mails_storage.updating(news) if news else {}
        for operator, fields in (also or {}).items():
            update[operator] = update.get(operator, {}) | fields
        update["$set"] = {name: value for name, value in change.items() if value is not None}
        update["$unset"] = dict.fromkeys(["tokens", *(name for name, value in change.items() if value is None)], "")
        if sign_out:
            update["$set"] |= {"announce": True, "trace": trace}
            update["$inc"] = {"version": 1, "sign_outs": 1}
        try:
            if "email" in change:
                return await self._taking_of_all_partners(
                    user.partner_id,
                    change["email"],
                    lambda: self._change_user(user.partner_id, user.id, update, where or {}),
                )
            return await self._change_user(user.partner_id, user.id, update, where or {})
        except DuplicateKeyError:
            if "email" not in change:
                raise Conflict("Somebody has it already.") from None
            raise EmailTaken("Somebody else signs in with this address meanwhile; use another one.") from None

    async def remove_user(self, user: User, trace: str | None) -> bool:
        """Forget everything but id and version, which say that his tokens are refused; the address is free again. False
        when he is gone, or his version is another one."""
        removed = await self.users.of(user.partner_id).update_one(
            {"_id": user.id, "version": user.version or None, **LIVING},
            {
                "$set": {"deleted": True, "email": user.id, "announce": True, "trace": trace},
                "$inc": {"version": 1},
                "$unset": dict.fromkeys(FORGOTTEN, ""),
            },
        )
        return removed.modified_count == 1

    async def _change_user(
        self, partner_id: str, user_id: str, update: Document, where: Mapping[str, Any] = MappingProxyType({})
    ) -> User | None:
        document = await self.users.of(partner_id).find_one_and_update(
            {"_id": user_id, **LIVING, **where}, update, return_document=ReturnDocument.AFTER
        )
        return to_user(document) if document else None

    async def partner(self, partner_id: str) -> Partner | None:
        document = await self.partners.of(partner_id).find_one({"_id": partner_id})
        return _partner(document) if document else None

    async def partners_of_all_partners(self, ids: Collection[str]) -> dict[str, Partner]:
        """Those of `ids` that are there, by id."""
        found = self.partners.of_all_partners.find({"_id": {"$in": list(ids)}})
        return {document["_id"]: _partner(document) async for document in found}

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
            "second_factor_required": partner.second_factor_required,
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


def to_user(document: Document) -> User:
    return User(
        id=document["_id"],
        partner_id=document["partner_id"],
        email=document.get("invited_as", document["email"]),
        name=document["name"],
        permissions=OWNER_PERMISSIONS if document["is_owner"] else frozenset(document["permissions"]),
        password_hash=document["password_hash"],
        is_owner=document["is_owner"],
        roles=frozenset(map(UserRole, document.get("roles", ()))),
        version=document.get("version", 0),
        sign_outs=document.get("sign_outs", 0),
        is_master=document.get("is_master", False),
        email_verified=document.get("email_verified", False),
        has_second_factor="second_factor" in document,
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
        second_factor_required=document.get("second_factor_required", False),
        version=document["version"],
        masters_allowed=document.get("masters_allowed", False),
    )


def to_partner_changed(document: Document) -> PartnerChanged:
    """What is announced of a partner."""
    fields = {name: document[name] for name in ("version", "name", "language", "country", "owner_email", "categories")}
    return PartnerChanged(partner_id=document["_id"], **fields)


def to_access_revoked(document: Document) -> AccessRevoked:
    """What is announced of a user: tokens of a lower version are refused, and all once he is deleted."""
    is_deleted = document.get("deleted", False)
    return AccessRevoked(subject=document["_id"], version=document["version"], deleted=is_deleted)
