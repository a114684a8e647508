"""Which roles and address types a partner has, and how many persons and addresses."""

import asyncio

from common.events import Role
from common.mongo import Mongo
from contacts.catalogue import AddressType

LIVING = {"deleted": False}


class Setup:
    """Queries by intent, over the documents of persons and addresses; served by their indexes."""

    def __init__(self, mongo: Mongo) -> None:
        self._persons = mongo.collection("persons")
        self._addresses = mongo.collection("addresses")

    async def held_and_used(self, partner_id: str) -> tuple[set[Role], set[AddressType]]:
        """(roles that somebody holds, types that some address has)."""
        held, used = await asyncio.gather(
            self._persons.of(partner_id).distinct("roles", LIVING),
            self._addresses.of(partner_id).distinct("types", LIVING),
        )
        return set(held), set(map(AddressType, used))

    async def counts(self, partner_id: str) -> tuple[int, int]:
        """(persons, addresses)."""
        persons, addresses = await asyncio.gather(
            self._persons.of(partner_id).count(LIVING), self._addresses.of(partner_id).count(LIVING)
        )
        return persons, addresses
