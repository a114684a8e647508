"""Letters and tokens in the documents of users: so the change that they are about is the same write."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from pymongo import UpdateOne

from common.mongo import Document, Index, Mongo
from common.resealing import Sealed
from identity.mails.domain import Letter, LetterKind, MailedToken, Mailing

_ARE_WAITING = {"letters.id": {"$exists": True}}
INDEXES = [Index("users", (("letters.id", 1),), where=tuple(_ARE_WAITING.items()))]
SEALED = [Sealed("users", "letters.$.sealed", lambda _, letter: letter["id"])]

FIELDS = ("letters", "tokens")
"""Of a user's document."""


class LetterStore:
    """Queries by intent; for all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._users = mongo.collection("users").of_all_partners

    async def waiting(self, now: datetime, limit: int) -> list[tuple[str, Letter]]:
        """Letters that have not left, each with its user's id; those of `limit` users."""
        due = {"letters": {"$elemMatch": {"put_off_until": {"$not": {"$gt": now}}}}}
        found = [document async for document in self._users.find(_ARE_WAITING | due, limit=limit)]
        letters = [(document["_id"], one) for document in found for one in document["letters"]]
        return [(user_id, _letter(one)) for user_id, one in letters if one.get("put_off_until", now) <= now]

    async def put_off(self, user_id: str, letter: Letter, until: datetime) -> None:
        """It cannot leave now: until then it is in no other's way."""
        query = {"_id": user_id, "letters.id": letter.id}
        await self._users.update_one(query, {"$set": {"letters.$.put_off_until": until}})

    async def have_left(self, letters: Sequence[tuple[str, Letter]]) -> None:
        """They have left: nothing of them is kept."""
        await self._users.bulk_write(
            [UpdateOne({"_id": user_id}, {"$pull": {"letters": {"id": letter.id}}}) for user_id, letter in letters],
            ordered=False,
        )


def inserted(mailing: Mailing) -> Document:
    """Of a new user's document."""
    tokens = {mailing.token.kind: _fields(mailing.token)} if mailing.token else {}
    return {"letters": [asdict(mailing.letter)], "tokens": tokens}


def updating(mailing: Mailing) -> Document:
    """The same as an update."""
    push: Document = {"$push": {"letters": asdict(mailing.letter)}}
    return push | ({"$set": {f"tokens.{mailing.token.kind}": _fields(mailing.token)}} if mailing.token else {})


def token_in(document: Document, kind: LetterKind) -> MailedToken | None:
    """A user's token of this kind."""
    found = document.get("tokens", {}).get(kind)
    return MailedToken(kind=kind, **found) if found else None


def _fields(token: MailedToken) -> Document:
    return {name: value for name, value in asdict(token).items() if name != "kind"}


def _letter(document: Document) -> Letter:
    fields = {name: value for name, value in document.items() if name not in ("kind", "put_off_until")}
    return Letter(kind=LetterKind(document["kind"]), **fields)
