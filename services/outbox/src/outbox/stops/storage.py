"""Owners of partners, a projection of `partner.changed`, and the accounts whose stop they were not told of (B9)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.events import Language, PartnerChanged
from common.mongo import Index, Mongo, keep_newer
from outbox.storage import via_of

_IS_STOPPED = {"stop.since": {"$exists": True}}
INDEXES = [Index("accounts", (("stop.since", 1),), where=tuple(_IS_STOPPED.items()))]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom to tell, and in which language."""

    email: str
    partner_name: str
    language: Language


@dataclass(frozen=True, slots=True)
class StoppedAccount:
    """An account that was stopped; `words` are the provider's last."""

    account_id: str
    partner_id: str
    since: datetime
    words: str
    name: str
    from_address: str
    host: str


class StopStore:
    """Queries by intent; for all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._accounts = mongo.collection("accounts").of_all_partners
        self._partners = mongo.collection("partners").of_all_partners

    async def keep_partners(self, states: Sequence[PartnerChanged]) -> None:
        """Take newer states of partners into the projection."""
        kept = [
            (
                one.partner_id,
                {
                    "partner_id": one.partner_id,
                    "version": one.version,
                    "owner": None
                    if one.deleted or not one.owner_email
                    else {"email": one.owner_email, "partner_name": one.name, "language": one.language},
                },
            )
            for one in states
        ]
        await keep_newer(self._partners, kept)

    async def owners(self, partner_ids: Iterable[str]) -> dict[str, Owner]:
        """Partner → its owner, of those that are known and have one."""
        found = self._partners.find({"_id": {"$in": list(set(partner_ids))}, "owner": {"$ne": None}})
        return {one["_id"]: Owner(**one["owner"]) async for one in found}

    async def untold(self) -> list[StoppedAccount]:
        """Stops of which nobody was told yet."""
        found = self._accounts.find({**_IS_STOPPED, "stop.is_told": False})
        return [
            StoppedAccount(
                account_id=one["_id"], partner_id=one["partner_id"], since=one["stop"]["since"],
                words=one["stop"]["words"], name=one["name"], from_address=one["from_address"],
                host=via_of(one["via"]).host,
            )
            async for one in found
        ]  # fmt: skip

    async def told(self, stop: StoppedAccount) -> None:
        """There is a message about this stop."""
        await self._accounts.update_one(
            {"_id": stop.account_id, "stop.since": stop.since}, {"$set": {"stop.is_told": True}}
        )

    async def how_many(self) -> int:
        """How many accounts are stopped now."""
        return await self._accounts.count_documents(_IS_STOPPED)
