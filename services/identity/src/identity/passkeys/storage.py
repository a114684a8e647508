"""Passkeys in their users' documents."""

from dataclasses import asdict
from datetime import datetime

from common.mongo import Document, Index, Mongo
from identity.domain import User
from identity.passkeys.domain import Passkey
from identity.storage import LIVING, to_user

INDEXES = [Index("users", (("passkeys.id", 1),), unique=True, where=(("passkeys.id", {"$exists": True}),))]


class PasskeyStore:
    """Queries by intent. What adds or removes one goes the way of every change of how one signs in."""

    def __init__(self, mongo: Mongo) -> None:
        self._users = mongo.collection("users")

    async def of_user(self, user: User) -> list[Passkey]:
        document = await self._users.of(user.partner_id).find_one({"_id": user.id, **LIVING})
        return _passkeys(document or {})

    async def shown_of_all_partners(self, passkey_id: str) -> tuple[User, Passkey] | None:
        """Whoever shows a passkey has no partner yet: its user, and what is known of it."""
        if not passkey_id.isascii():  # it is base64url; half a surrogate pair cannot even be asked for
            return None
        document = await self._users.of_all_partners.find_one({"passkeys.id": passkey_id, **LIVING})
        if document is None:
            return None
        [passkey] = [one for one in _passkeys(document) if one.id == passkey_id]
        return to_user(document), passkey

    async def rename_passkey(self, user: User, passkey_id: str, name: str) -> bool:
        return await self._change(user, {"id": passkey_id}, {"passkeys.$.name": name})

    async def count_on(self, user: User, passkey: Passkey, sign_count: int, now: datetime) -> bool:
        """It was used; False when it was used meanwhile, so that its count is another."""
        counted = {"id": passkey.id, "sign_count": passkey.sign_count, "last_used_at": passkey.last_used_at}
        return await self._change(user, counted, {"passkeys.$.sign_count": sign_count, "passkeys.$.last_used_at": now})

    async def _change(self, user: User, which: Document, change: Document) -> bool:
        query = {"_id": user.id, "passkeys": {"$elemMatch": which}, **LIVING}
        changed = await self._users.of(user.partner_id).update_one(query, {"$set": change})
        return changed.matched_count == 1


def adding(passkey: Passkey) -> Document:
    return {"$push": {"passkeys": asdict(passkey)}}


def removing(passkey_id: str) -> Document:
    return {"$pull": {"passkeys": {"id": passkey_id}}}


def may_have(passkey: Passkey, most: int) -> Document:
    """What is true of a user who may have one more and does not have this one: an index does not part two of a user."""
    return {f"passkeys.{most - 1}": {"$exists": False}, "passkeys.id": {"$ne": passkey.id}}


def has(passkey_id: str) -> Document:
    return {"passkeys.id": passkey_id}


def _passkeys(document: Document) -> list[Passkey]:
    return [Passkey(**one) for one in document.get("passkeys", [])]
