"""The documents of machines, and the assertions that were used."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.events import AccessRevoked
from common.ids import computed_id
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from identity.machines.domain import Assertion, Machine, Proof, PublicKey

INDEXES = [
    announce_index("machines"),
    Index("machines", (("partner_id", 1), ("_id", 1))),
    Index("used_assertions", (("until", 1),)),
]
LIVING: Document = {"deleted": False}
_NAMES = ("name", "since", "last_used_at", "previous_until", "version")
_PRESENT, _PREVIOUS = ("secret_hash", "keys"), ("previous_hash", "previous_keys")


class MachineStore:
    """Queries by intent. A deleted machine stays as id and version, which say that its tokens are refused."""

    def __init__(self, mongo: Mongo) -> None:
        self.machines = mongo.collection("machines")

    async def add(self, machine: Machine) -> None:
        fields = {name: getattr(machine, name) for name in _NAMES} | {"permissions": sorted(machine.permissions)}
        fields |= _stored(machine.proof, _PRESENT)
        await self.machines.of(machine.partner_id).insert({"_id": machine.id, **LIVING, **fields})

    async def named_of_all_partners(self, machine_id: str) -> Machine | None:
        """Whoever signs in has no partner yet."""
        document = await self.machines.of_all_partners.find_one({"_id": machine_id, **LIVING})
        return _machine(document) if document else None

    async def of_partner(self, partner_id: str, after: str, limit: int) -> list[Machine]:
        """By id, after the id `after`."""
        found = self.machines.of(partner_id).find({"_id": {"$gt": after}, **LIVING}, sort=[("_id", 1)], limit=limit)
        return [_machine(document) async for document in found]

    async def used(self, machine: Machine, place: str, now: datetime) -> None:
        use = {"last_used_at": now, "place": place}
        await self.machines.of(machine.partner_id).update_one({"_id": machine.id}, {"$set": use})

    async def change_over(self, machine: Machine, proof: Proof, until: datetime) -> Machine | None:
        """The one before is good until then. None when it changed meanwhile: of two new secrets at once, one would be
        shown and never work."""
        change = _stored(proof, _PRESENT) | _stored(machine.proof, _PREVIOUS) | {"previous_until": until}
        return await self._change(machine, {"$set": change})

    async def replace(self, machine: Machine, proof: Proof, trace: str | None) -> Machine | None:
        """The same, with nothing left of before; announces in the same write that its older tokens are refused."""
        change = _stored(proof, _PRESENT) | _stored(Proof(), _PREVIOUS) | {"previous_until": None}
        change |= {"announce": True, "trace": trace}
        return await self._change(machine, {"$set": change, "$inc": {"version": 1}})

    async def remove(self, partner_id: str, machine_id: str, trace: str | None) -> bool:
        removed = await self.machines.of(partner_id).update_one(
            {"_id": machine_id, **LIVING},
            {
                "$set": {"deleted": True, "announce": True, "trace": trace},
                "$inc": {"version": 1},
                "$unset": dict.fromkeys(("name", "permissions", "place", *_PRESENT, *_PREVIOUS), ""),
            },
        )
        return removed.modified_count == 1

    async def get(self, partner_id: str, machine_id: str) -> Machine | None:
        document = await self.machines.of(partner_id).find_one({"_id": machine_id, **LIVING})
        return _machine(document) if document else None

    async def _change(self, machine: Machine, update: Document) -> Machine | None:
        document = await self.machines.of(machine.partner_id).find_one_and_update(
            {"_id": machine.id, **_stored(machine.proof, _PRESENT), **LIVING},
            update,
            return_document=ReturnDocument.AFTER,
        )
        return _machine(document) if document else None


class AssertionStore:
    """Which assertions were used, until they would have expired."""

    def __init__(self, mongo: Mongo) -> None:
        self._used: AsyncCollection[Document] = mongo.shared("used_assertions")

    async def use(self, machine: Machine, assertion: Assertion, leeway: timedelta) -> bool:
        """False for one that was used before: of many at once, one is first.

        It is kept for twice the leeway: a replica whose clock is ahead must not forget what another one still takes.
        """
        until = datetime.fromtimestamp(assertion.expires_at, UTC) + 2 * leeway
        try:
            await self._used.insert_one({"_id": computed_id(machine.id, assertion.id), "until": until})
        except DuplicateKeyError:
            return False
        return True

    async def forget(self, now: datetime) -> None:
        await self._used.delete_many({"until": {"$lt": now}})


def _stored(proof: Proof, names: tuple[str, str]) -> Document:
    keys = [{"kid": key.kid, "algorithm": key.algorithm, "jwk": dict(key.jwk)} for key in proof.keys]
    return dict(zip(names, (proof.secret_hash, keys or None), strict=True))


def _machine(document: Document) -> Machine:
    fields: dict[str, Any] = {name: document[name] for name in _NAMES}
    fields |= {"proof": _proof(document, _PRESENT), "previous": _proof(document, _PREVIOUS)}
    fields["place"] = document.get("place")
    permissions = frozenset(document["permissions"])
    return Machine(id=document["_id"], partner_id=document["partner_id"], permissions=permissions, **fields)


def _proof(document: Document, names: tuple[str, str]) -> Proof:
    secret_hash, keys = (document.get(name) for name in names)
    return Proof(secret_hash, tuple(PublicKey(**key) for key in keys or ()))


def to_access_revoked(document: Document) -> AccessRevoked:
    """What is announced of a machine: tokens of a lower version are refused, and all once it is deleted."""
    return AccessRevoked(subject=document["_id"], version=document["version"], deleted=document["deleted"])
