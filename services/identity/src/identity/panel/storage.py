"""The documents of one-time codes."""

from datetime import datetime

from pymongo import ReturnDocument

from common.mongo import Document, Index, Mongo
from identity.entry.domain import Way
from identity.panel.domain import Code

INDEXES = [Index("entry_codes", (("expires_at", 1),))]


class CodeStore:
    """Queries by intent. A code is known by its hash alone."""

    def __init__(self, mongo: Mongo) -> None:
        self.codes = mongo.collection("entry_codes")

    async def add(self, code: Code) -> None:
        way = code.way
        fields = {name: getattr(code, name) for name in ("scope", "challenge", "expires_at")}
        fields |= {"master_id": way.master_id, "client_id": way.client_id, "session_id": way.session_id}
        await self.codes.of(way.partner_id).insert({"_id": code.hash, **fields})

    async def use_of_all_partners(self, code_hash: str, challenge: str) -> Code | None:
        """The code, with this use counted; None where there is none. Whoever brings one has no partner yet.

        One whose challenge is another is not counted: whoever saw a code cannot use it, and cannot use it up either.
        """
        document = await self.codes.of_all_partners.find_one_and_update(
            {"_id": code_hash, "challenge": challenge}, {"$inc": {"uses": 1}}, return_document=ReturnDocument.AFTER
        )
        return _code(document) if document else None

    async def gave(self, code: Code, entry_id: str, until: datetime) -> Code | None:
        """The code, which is kept as long as what it gave; None where it was forgotten meanwhile."""
        document = await self.codes.of(code.way.partner_id).find_one_and_update(
            {"_id": code.hash},
            {"$set": {"entry_id": entry_id, "expires_at": until}},
            return_document=ReturnDocument.AFTER,
        )
        return _code(document) if document else None

    async def forget_of_all_partners(self, before: datetime) -> None:
        """Forget those that nobody used in time, and those whose entry is over."""
        await self.codes.of_all_partners.delete_many({"expires_at": {"$lt": before}})


def _code(document: Document) -> Code:
    way = Way(document["partner_id"], document["master_id"], document["client_id"], document["session_id"])
    fields = {name: document[name] for name in ("scope", "challenge", "expires_at")}
    uses, entry_id = document.get("uses", 0), document.get("entry_id")
    return Code(hash=document["_id"], way=way, uses=uses, entry_id=entry_id, **fields)
