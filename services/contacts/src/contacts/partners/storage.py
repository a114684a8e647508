"""What contacts knows of partners: a projection of `partner.changed`."""

from collections.abc import Sequence

from common.events import PartnerChanged
from common.mongo import Mongo, keep_newer


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
        kept = [
            (one.partner_id, {"partner_id": one.partner_id, "country": one.country or None, "version": one.version})
            for one in partners
        ]
        await keep_newer(self._partners.of_all_partners, kept)
