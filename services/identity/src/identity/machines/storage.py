"""The documents of machines."""

from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from common.events import AccessRevoked
from common.mongo import Document, Index, Mongo
from common.relay import announce_index
from identity.machines.domain import Machine

INDEXES = [
    announce_index("machines"),
    Index("machines", (("partner_id", 1), ("_id", 1))),
]
LIVING: Document = {"deleted": False}
_NAMES = ("name", "secret_hash", "since", "last_used_at", "previous_hash", "previous_until", "version")


class MachineStore:
    """Queries by intent. A deleted machine stays as id and version, which say that its tokens are refused."""

    def __init__(self, mongo: Mongo) -> None:
        self.machines = mongo.collection("machines")

    async def add(self, machine: Machine) -> None:
        fields = {name: getattr(machine, name) for name in _NAMES} | {"permissions": sorted(machine.permissions)}
        await self.machines.of(machine.partner_id).insert({"_id": machine.id, **LIVING, **fields})

    async def named_of_all_partners(self, machine_id: str) -> Machine | None:
        """Whoever signs in with a secret has no partner yet."""
        document = await self.machines.of_all_partners.find_one({"_id": machine_id, **LIVING})
        return _machine(document) if document else None

    async def of_partner(self, partner_id: str, after: str, limit: int) -> list[Machine]:
        """By id, after the id `after`."""
        found = self.machines.of(partner_id).find({"_id": {"$gt": after}, **LIVING}, sort=[("_id", 1)], limit=limit)
        return [_machine(document) async for document in found]

    async def used(self, machine: Machine, now: datetime) -> None:
        await self.machines.of(machine.partner_id).update_one({"_id": machine.id}, {"$set": {"last_used_at": now}})

    async def change_secret(self, machine: Machine, change: dict[str, Any]) -> Machine | None:
        """None when it changed meanwhile: of two new secrets at once, one would be shown and never work."""
        return await self._change(machine, {"$set": change})

    async def replace_secret(self, machine: Machine, change: dict[str, Any], trace: str | None) -> Machine | None:
        """The same, and announce in the same write that its older tokens are refused."""
        update = {"$set": {**change, "announce": True, "trace": trace}, "$inc": {"version": 1}}
        return await self._change(machine, update)

    async def remove(self, partner_id: str, machine_id: str, trace: str | None) -> bool:
        removed = await self.machines.of(partner_id).update_one(
            {"_id": machine_id, **LIVING},
            {
                "$set": {"deleted": True, "announce": True, "trace": trace},
                "$inc": {"version": 1},
                "$unset": dict.fromkeys(("name", "permissions", "secret_hash", "previous_hash"), ""),
            },
        )
        return removed.modified_count == 1

    async def get(self, partner_id: str, machine_id: str) -> Machine | None:
        document = await self.machines.of(partner_id).find_one({"_id": machine_id, **LIVING})
        return _machine(document) if document else None

    async def _change(self, machine: Machine, update: Document) -> Machine | None:
        document = await self.machines.of(machine.partner_id).find_one_and_update(
            {"_id": machine.id, "secret_hash": machine.secret_hash, **LIVING},
            update,
            return_document=ReturnDocument.AFTER,
        )
        return _machine(document) if document else None


def _machine(document: Document) -> Machine:
    fields = {name: document[name] for name in _NAMES}
    permissions = frozenset(document["permissions"])
    return Machine(id=document["_id"], partner_id=document["partner_id"], permissions=permissions, **fields)


def to_access_revoked(document: Document) -> AccessRevoked:
    """What is announced of a machine: tokens of a lower version are refused, and all once it is deleted."""
    return AccessRevoked(subject=document["_id"], version=document["version"], deleted=document["deleted"])
