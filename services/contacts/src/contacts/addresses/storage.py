"""The documents of addresses."""

from collections.abc import Callable

from pymongo.errors import DuplicateKeyError

from common.authors import Author
from common.mongo import Document, Index, Mongo
from contacts.addresses.domain import Address, TypeTaken
from contacts.catalogue import AddressType
from contacts.versioned import Change, Versioned

LIVING = (("deleted", False),)
INDEXES = [
    Index("addresses", (("partner_id", 1), ("_id", 1)), where=LIVING),
    Index("addresses", (("partner_id", 1), ("types", 1), ("_id", 1)), where=LIVING),
    # Two people who add the same type at once: the database lets only one of them.
    Index("addresses", (("partner_id", 1), ("single_types", 1)), unique=True, where=(("is_single", True),)),
    Index("addresses", (("partner_id", 1), ("request", 1)), unique=True, where=(("request", {"$exists": True}),)),
]
NAMES = ("name", "street", "postal_code", "city", "country", "types")


class Addresses:
    """Queries by intent. A deleted address stays as ids and version."""

    def __init__(self, mongo: Mongo, history_kept: int) -> None:
        self.collection = mongo.collection("addresses")
        self._versioned = Versioned(self.collection, NAMES, history_kept)

    async def add(self, partner_id: str, address: Address, author: Author, request: str | None) -> Address:
        """The address; the first one's answer when `request` was used before. Raises TypeTaken."""
        try:
            return _address(await self._versioned.add(partner_id, address.id, _document(address), author, request))
        except DuplicateKeyError:
            raise await self._taken(partner_id, address) from None

    async def address(self, partner_id: str, address_id: str) -> Address:
        """Raises NotFound."""
        return _address(await self._versioned.known(partner_id, address_id))

    async def page(self, partner_id: str, kind: AddressType | None, after: str, limit: int) -> list[Address]:
        """Addresses by id, after the id `after`; only those of type `kind`."""
        query: Document = {"deleted": False, "_id": {"$gt": after}} | ({"types": kind} if kind else {})
        found = self.collection.of(partner_id).find(query, projection={"history": 0}, sort=[("_id", 1)], limit=limit)
        return [_address(document) async for document in found]

    async def change(
        self,
        partner_id: str,
        address_id: str,
        author: Author,
        only_version: int | None,
        make: Callable[[Address], Address],
    ) -> Address:
        """Raises NotFound, ChangedMeanwhile, TypeTaken."""

        async def changed(document: Document) -> Document:
            return _document(make(_address(document)))

        try:
            return _address(await self._versioned.change(partner_id, address_id, author, only_version, changed))
        except DuplicateKeyError:
            raise await self._taken(partner_id, make(await self.address(partner_id, address_id))) from None

    async def remove(self, partner_id: str, address_id: str, author: Author, only_version: int | None) -> None:
        """Raises NotFound, ChangedMeanwhile."""
        await self._versioned.remove(partner_id, address_id, author, only_version)

    async def history(self, partner_id: str, address_id: str) -> list[Change]:
        """Raises NotFound."""
        return await self._versioned.history(partner_id, address_id)

    async def _taken(self, partner_id: str, address: Address) -> TypeTaken:
        query = {"deleted": False, "types": {"$in": list(address.single_types)}, "_id": {"$ne": address.id}}
        other = await self.collection.of(partner_id).find_one(query)
        taken = sorted(set(address.single_types) & set(other["types"])) if other else []
        words = "Take the type away from the other address first, or leave it out here."
        return TypeTaken(words, types=taken, address_id=other["_id"] if other else None)


def _document(address: Address) -> Document:
    return {
        "name": address.name,
        "street": address.street,
        "postal_code": address.postal_code,
        "city": address.city,
        "country": address.country,
        "types": [one.value for one in address.types],
        "single_types": [one.value for one in address.single_types],
        "is_single": bool(address.single_types),
    }


def _address(document: Document) -> Address:
    fields: Document = {name: document[name] for name in NAMES}
    fields["types"] = tuple(map(AddressType, document["types"]))
    return Address(id=document["_id"], version=document["version"], **fields)
