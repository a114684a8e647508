"""The documents of contact persons."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from common.events import Role
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from contacts import words
from contacts.persons.domain import Person
from contacts.versioned import Change, Versioned

LIVING = (("deleted", False),)
INDEXES = [
    announce_index("persons"),
    Index("persons", (("partner_id", 1), ("_id", 1)), where=LIVING),
    Index("persons", (("partner_id", 1), ("roles", 1), ("_id", 1)), where=LIVING),
    Index("persons", (("partner_id", 1), ("search", 1)), where=LIVING),
    Index("persons", (("partner_id", 1), ("request", 1)), unique=True, where=(("request", {"$exists": True}),)),
]
NAMES = ("first_name", "last_name", "email", "phone", "roles")


class Persons:
    """Queries by intent. A deleted person stays as ids and version, so that no older state brings him back."""

    def __init__(self, mongo: Mongo, history_kept: int) -> None:
        self.collection = mongo.collection("persons")
        self._versioned = Versioned(self.collection, NAMES, history_kept, announce=True)

    async def add(self, partner_id: str, person: Person, by: str, request: str | None) -> tuple[Person, bool]:
        """(the person, True); the first one's answer and False when `request` was used before."""
        document = await self._versioned.add(partner_id, person.id, _document(person), by, request)
        return _person(document), document["_id"] == person.id

    async def with_emails(self, partner_id: str, emails: Sequence[str]) -> list[Person]:
        """Persons who have one of these addresses."""
        query = {"deleted": False, "search": {"$in": [words.folded(email) for email in emails]}}
        found = self.collection.of(partner_id).find(query, projection={"history": 0})
        return [_person(document) async for document in found]

    async def imported(self, partner_id: str, keys: Sequence[str]) -> set[str]:
        """Those of the idempotency keys that were used for a person who is there."""
        query = {"request": {"$in": list(keys)}}
        found = self.collection.of(partner_id).find(query, projection={"request": 1})
        return {document["request"] async for document in found}

    async def person(self, partner_id: str, person_id: str) -> Person:
        """Raises NotFound."""
        return _person(await self._versioned.known(partner_id, person_id))

    async def page(self, partner_id: str, role: Role | None, typed: str, after: str, limit: int) -> list[Person]:
        """Persons by id, after the id `after`; only holders of `role`, and whom what was `typed` finds."""
        query = _query(role, typed) | {"_id": {"$gt": after}}
        found = self.collection.of(partner_id).find(query, projection={"history": 0}, sort=[("_id", 1)], limit=limit)
        return [_person(document) async for document in found]

    async def count(self, partner_id: str, role: Role | None, typed: str) -> int:
        return await self.collection.of(partner_id).count(_query(role, typed))

    async def change(
        self,
        partner_id: str,
        person_id: str,
        by: str,
        only_version: int | None,
        make: Callable[[Person], Awaitable[Person]],
    ) -> Person:
        """Write and announce in one. Raises NotFound, ChangedMeanwhile."""

        async def changed(document: Document) -> Document:
            return _document(await make(_person(document)))

        return _person(await self._versioned.change(partner_id, person_id, by, only_version, changed))

    async def remove(self, partner_id: str, person_id: str, by: str, only_version: int | None) -> None:
        """Forget everything personal, and announce it in the same write. Raises NotFound, ChangedMeanwhile."""
        await self._versioned.remove(partner_id, person_id, by, only_version)

    async def history(self, partner_id: str, person_id: str) -> list[Change]:
        """Raises NotFound."""
        return await self._versioned.history(partner_id, person_id)


def _query(role: Role | None, typed: str) -> Document:
    query: dict[str, Any] = {"deleted": False}
    if role:
        query["roles"] = role
    if conditions := words.query(typed):
        query["$and"] = conditions
    return query


def _document(person: Person) -> Document:
    names = (person.first_name, person.last_name)
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "phone": person.phone,
        "roles": list(person.roles),
        "search": words.tokens(names, person.email, person.phone, person.national_phone),
    }


def _person(document: Document) -> Person:
    fields: dict[str, Any] = {name: document[name] for name in NAMES} | {"roles": tuple(document["roles"])}
    return Person(id=document["_id"], version=document["version"], **fields)
