"""What contacts knows of partners: a projection of `partner.changed`."""

from collections.abc import Sequence

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from common.events import PartnerChanged
from common.mongo import Mongo

_DUPLICATE_KEY = 11000


class Partners:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._partners = mongo.collection("partners")

    async def country(self, partner_id: str) -> str | None:
        """ISO code of the partner's country; None while the partner is not known here."""
        partner = await self._partners.of(partner_id).find_one({"_id": partner_id})
        return partner["country"] if partner else None

    async def keep(self, partners: Sequence[PartnerChanged]) -> None:
        """Take newer states of partners into the projection."""
        writes = [
            UpdateOne(
                {"_id": one.partner_id, "version": {"$lt": one.version}},
                {"$set": {"partner_id": one.partner_id, "country": one.country or None, "version": one.version}},
                upsert=True,
            )
            for one in partners
        ]
        try:
            await self._partners.of_all_partners.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            # An upsert whose version is not older finds nothing, tries to insert, and collides: nothing to do.
            collisions = all(one["code"] == _DUPLICATE_KEY for one in error.details["writeErrors"])
            if error.details.get("writeConcernErrors") or not collisions:
                raise
