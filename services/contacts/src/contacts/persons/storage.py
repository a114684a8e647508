"""The documents of contact persons."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pymongo import UpdateMany

from common.authors import Author
from common.events import Role
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from common.spelling import plain
from contacts import words
from contacts.persons.domain import Person, Undeliverable
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
ASKED_AT_ONCE = 200
FOLLOWED = (*NAMES, "undeliverable")
"""Fields whose changes are in the history."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mail server refused this address of a partner for good."""

    partner_id: str
    address: str
    words: str
    at: datetime


class Persons:
    """Queries by intent. A deleted person stays as ids and version, so that no older state brings him back."""

    def __init__(self, mongo: Mongo, history_kept: int) -> None:
        self.collection = mongo.collection("persons")
        self._versioned = Versioned(self.collection, FOLLOWED, history_kept, announce=True)

    async def add(self, partner_id: str, person: Person, author: Author, request: str | None) -> tuple[Person, bool]:
        """(the person, True); the first one's answer and False when `request` was used before."""
        fields = _document(person) | _never_refused()
        document = await self._versioned.add(partner_id, person.id, fields, author, request)
        return _person(document), document["_id"] == person.id

    async def with_emails(self, partner_id: str, emails: Sequence[str]) -> AsyncIterator[list[Person]]:
        """Persons who have one of these addresses, some at a time: much is to be read of each."""
        for start in range(0, len(emails), ASKED_AT_ONCE):
            asked = [plain(email) for email in emails[start : start + ASKED_AT_ONCE]]
            query = {"deleted": False, "search": {"$in": asked}}
            found = self.collection.of(partner_id).find(query, projection={"history": 0}, batch_size=ASKED_AT_ONCE)
            yield [_person(document) async for document in found]

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
        author: Author,
        only_version: int | None,
        make: Callable[[Person], Awaitable[Person]],
    ) -> Person:
        """Write and announce in one. Raises NotFound, ChangedMeanwhile."""

        async def changed(document: Document) -> Document:
            fields = _document(await make(_person(document)))
            is_new_email = fields["folded_email"] != document["folded_email"]
            return fields | (_never_refused() if is_new_email else {})

        return _person(await self._versioned.change(partner_id, person_id, author, only_version, changed))

    async def remove(self, partner_id: str, person_id: str, author: Author, only_version: int | None) -> None:
        """Forget everything personal, and announce it in the same write. Raises NotFound, ChangedMeanwhile."""
        await self._versioned.remove(partner_id, person_id, author, only_version)

    async def confirm_email(self, partner_id: str, person_id: str, author: Author) -> Person:
        """Forget that the address was refused. Raises NotFound."""

        async def confirmed(document: Document) -> Document:
            return _never_refused()

        return _person(await self._versioned.change(partner_id, person_id, author, None, confirmed))

    async def mark_undeliverable_of_all_partners(self, refusals: Sequence[Refusal]) -> None:
        """Remember of everybody with such an address that it was refused, and announce it in the same write.

        Only what is newer than the address itself counts: an old refusal that is read again changes nothing.
        """
        writes = [
            UpdateMany(
                {
                    "partner_id": one.partner_id,
                    "deleted": False,
                    "search": plain(one.address),
                    "folded_email": one.address.casefold(),
                    "email_since": {"$lt": one.at},
                    "undeliverable": None,
                },
                self._versioned.by_ourselves("undeliverable", {"undeliverable": {"words": one.words, "at": one.at}}),
            )
            for one in refusals
        ]
        if writes:
            await self.collection.of_all_partners.bulk_write(writes)

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


def _never_refused() -> Document:
    return {"undeliverable": None, "email_since": datetime.now(UTC)}


def _document(person: Person) -> Document:
    names = (person.first_name, person.last_name)
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "folded_email": person.email.casefold(),
        "phone": person.phone,
        "roles": list(person.roles),
        "search": words.tokens(names, person.email, person.phones),
    }


def _person(document: Document) -> Person:
    fields: dict[str, Any] = {name: document[name] for name in NAMES} | {"roles": tuple(document["roles"])}
    undeliverable = Undeliverable(**document["undeliverable"]) if document["undeliverable"] else None
    return Person(id=document["_id"], version=document["version"], undeliverable=undeliverable, **fields)
