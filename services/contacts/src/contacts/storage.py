"""The documents of contacts: persons, and the projection of partners."""

from collections.abc import Sequence

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, DuplicateKeyError

from common.events import PartnerChanged, Role
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from contacts.domain import Person

_DUPLICATE_KEY = 11000

INDEXES = [
    announce_index("persons"),
    Index("persons", (("partner_id", 1), ("_id", 1)), where=(("deleted", False),)),
    Index("persons", (("partner_id", 1), ("roles", 1), ("_id", 1)), where=(("deleted", False),)),
    Index("persons", (("partner_id", 1), ("request", 1)), unique=True, where=(("request", {"$exists": True}),)),
]


class Store:
    """Queries by intent. A deleted person stays as ids and version, so that no older state brings him back."""

    def __init__(self, mongo: Mongo) -> None:
        self.persons = mongo.collection("persons")
        self.partners = mongo.collection("partners")

    async def country(self, partner_id: str) -> str | None:
        """ISO code of the partner's country; None while the partner is not known here."""
        partner = await self.partners.of(partner_id).find_one({"_id": partner_id})
        return partner["country"] if partner else None

    async def add(self, partner_id: str, person: Person, trace: str | None, request: str | None) -> Person:
        """The person; the first one's answer when `request` (an idempotency key) was used before."""
        document = _document(person) | {
            "_id": person.id,
            "version": 1,
            "deleted": False,
            "announce": True,
            "trace": trace,
        }
        try:
            await self.persons.of(partner_id).insert(document | ({"request": request} if request else {}))
        except DuplicateKeyError:
            first = await self.persons.of(partner_id).find_one({"request": request})
            if first is None:
                raise
            return _person(first)
        return person

    async def person(self, partner_id: str, person_id: str) -> Person | None:
        document = await self.persons.of(partner_id).find_one({"_id": person_id, "deleted": False})
        return _person(document) if document else None

    async def persons_of(self, partner_id: str, role: Role | None, after: str, limit: int) -> list[Person]:
        """Persons by id, after the id `after`; only holders of `role` when it is given."""
        query: Document = {"deleted": False, "_id": {"$gt": after}} | ({"roles": role} if role else {})
        found = self.persons.of(partner_id).find(query, sort=[("_id", 1)], limit=limit)
        return [_person(document) async for document in found]

    async def replace(
        self, partner_id: str, person: Person, trace: str | None, only_version: int | None
    ) -> Person | None:
        """Write and announce in one; None when there is no such person in that version."""
        change = {"$set": {**_document(person), "announce": True, "trace": trace}, "$inc": {"version": 1}}
        document = await self.persons.of(partner_id).find_one_and_update(
            _this(person.id, only_version), change, return_document=ReturnDocument.AFTER
        )
        return _person(document) if document else None

    async def remove(self, partner_id: str, person_id: str, trace: str | None, only_version: int | None) -> bool:
        """Forget everything personal, and announce it in the same write."""
        personal = dict.fromkeys(("first_name", "last_name", "email", "phone", "roles", "request"), "")
        change = {
            "$set": {"deleted": True, "announce": True, "trace": trace},
            "$unset": personal,
            "$inc": {"version": 1},
        }
        result = await self.persons.of(partner_id).update_one(_this(person_id, only_version), change)
        return result.modified_count == 1

    async def keep_partners(self, partners: Sequence[PartnerChanged]) -> None:
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
            await self.partners.of_all_partners.bulk_write(writes, ordered=False)
        except BulkWriteError as error:
            # An upsert whose version is not older finds nothing, tries to insert, and collides: nothing to do.
            collisions = all(one["code"] == _DUPLICATE_KEY for one in error.details["writeErrors"])
            if error.details.get("writeConcernErrors") or not collisions:
                raise


def _this(person_id: str, only_version: int | None) -> Document:
    return {"_id": person_id, "deleted": False} | ({"version": only_version} if only_version is not None else {})


def _document(person: Person) -> Document:
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "phone": person.phone,
        "roles": list(person.roles),
    }


def _person(document: Document) -> Person:
    return Person(
        id=document["_id"],
        first_name=document["first_name"],
        last_name=document["last_name"],
        email=document["email"],
        phone=document["phone"],
        roles=tuple(document["roles"]),
        version=document["version"],
    )
