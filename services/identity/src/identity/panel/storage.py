"""The documents of one-time codes."""

from datetime import datetime

from common.mongo import Index, Mongo
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

    async def use_of_all_partners(self, code_hash: str, challenge: str, now: datetime) -> Code | None:
        """The code, which is gone by that; None when it is not good. Whoever brings one has no partner yet.

        One whose challenge is another stays: whoever saw a code cannot use it, and cannot use it up either.
        """
        document = await self.codes.of_all_partners.find_one_and_delete(
            {"_id": code_hash, "challenge": challenge, "expires_at": {"$gt": now}}
        )
        if document is None:
            return None
        way = Way(document["partner_id"], document["master_id"], document["client_id"], document["session_id"])
        return Code(code_hash, way, document["scope"], challenge, document["expires_at"])

    async def forget_of_all_partners(self, before: datetime) -> None:
        """Forget those that nobody used in time."""
        await self.codes.of_all_partners.delete_many({"expires_at": {"$lt": before}})
