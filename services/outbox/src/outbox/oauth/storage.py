"""Who asks for an account's next access token: one process at a time, which says so in the account's own document.

An endpoint may give a new refresh token with each access token, and take whoever shows an older one for a thief.
"""

from datetime import datetime

from common.mongo import Document, Mongo
from outbox.domain import Account
from outbox.storage import via_of
from outbox.via import Via


class GrantStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._accounts = mongo.collection("accounts")

    async def begin(self, account: Account, turn: str, now: datetime, until: datetime) -> tuple[Via, str | None] | None:
        """Take the turn until then: how the account signs in now, and its sealed secret. None: it is another's, or
        there is no such account any more."""
        free = {"_id": account.id, "asking.until": {"$not": {"$gt": now}}}
        found = await self._accounts.of(account.partner_id).find_one_and_update(
            free, {"$set": {"asking": {"turn": turn, "until": until}}}, projection={"via": 1, "secret": 1}
        )
        return (via_of(found["via"]), found["secret"]) if found else None

    async def end(self, account: Account, turn: str, secret: str | None) -> None:
        """End the turn and keep a new sealed `secret`, unless somebody gave the account another one meanwhile."""
        change: Document = {"asking": None} | ({"secret": secret} if secret else {})
        mine = {"_id": account.id, "asking.turn": turn}
        await self._accounts.of(account.partner_id).update_one(mine, {"$set": change})
