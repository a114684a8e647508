"""The documents of connections: each belongs to the client, whose account it is about."""

from collections.abc import Collection
from typing import Any

from pymongo import ReturnDocument

from common.mongo import Document, Index, Mongo
from identity.connections.domain import Access, Connection, client_key, connection_id, is_named
from identity.domain import Partner

BY_NAME = (("entered_by", 1), ("client_key", 1))
INDEXES = [
    Index("connections", (("partner_id", 1), ("_id", 1))),
    Index("connections", (("entered_by", 1), ("_id", 1))),
    Index("connections", BY_NAME, where=(("access", {"$exists": True}),)),
]
GIVEN: Document = {"access": {"$exists": True}}


class ConnectionStore:
    """Queries by intent. `entered_by` is the partner who may enter; the names of both are a projection."""

    def __init__(self, mongo: Mongo) -> None:
        self.connections = mongo.collection("connections")

    async def switch(self, partner: Partner, client: Partner, *, is_on: bool) -> Connection:
        """Staff's switch; the connection is made the first time."""
        new = {
            "entered_by": partner.id,
            "partner_name": partner.name,
            "partner_version": partner.version,
            "client_name": client.name,
            "client_key": client_key(client.name, client.id),
            "client_version": client.version,
        }
        document = await self.connections.of(client.id).find_one_and_update(
            {"_id": connection_id(partner.id, client.id)},
            {"$set": {"is_on": is_on}, "$setOnInsert": new},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        assert document is not None
        return _connection(document)

    async def keep_name_of_all_partners(self, partner_id: str, name: str, version: int) -> None:
        """Call a partner by its newest name, on whichever side it is."""
        everywhere = self.connections.of_all_partners
        key = client_key(name, partner_id)
        await everywhere.update_many(
            {"partner_id": partner_id, "client_version": {"$lt": version}},
            {"$set": {"client_name": name, "client_key": key, "client_version": version}},
        )
        await everywhere.update_many(
            {"entered_by": partner_id, "partner_version": {"$lt": version}},
            {"$set": {"partner_name": name, "partner_version": version}},
        )

    async def of_client(self, client_id: str, after: str, limit: int) -> list[Connection]:
        """The partners that a client is connected to, by id, after the id `after`."""
        found = self.connections.of(client_id).find({"_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit)
        return [_connection(document) async for document in found]

    async def clients_of_all_partners(self, partner_id: str, after: str, limit: int) -> list[Connection]:
        """The clients that a partner is connected to, by id, after the id `after`; for staff."""
        query = {"entered_by": partner_id, "_id": {"$gt": after}}
        found = self.connections.of_all_partners.find(query, sort=[("_id", 1)], limit=limit)
        return [_connection(document) async for document in found]

    async def entered_of_all_partners(self, partner_id: str, typed: str, after: str, limit: int) -> list[Connection]:
        """The clients that gave a partner access and have `typed` in their name, by name, after the key `after`."""
        query = {"entered_by": partner_id, "client_key": {"$gt": after, "$regex": is_named(typed)}, **GIVEN}
        # The hint: the names stand in the index, so a rare one is found without reading a document that has another.
        by_name = list(BY_NAME)
        found = self.connections.of_all_partners.find(query, sort=by_name, limit=limit, hint=by_name)
        return [_connection(document) async for document in found]

    async def connections_of_all_partners(self, ids: Collection[str]) -> dict[str, Connection]:
        """Those of `ids` that are there, by id."""
        found = self.connections.of_all_partners.find({"_id": {"$in": list(ids)}})
        return {document["_id"]: _connection(document) async for document in found}

    async def give(self, client_id: str, partner_id: str, access: Access) -> Connection | None:
        """Give access, or change what is given to the same user; None when staff did not connect the two."""
        given: dict[str, Any] = {
            "permissions": sorted(access.permissions),
            "until": access.until,
            "confirm_each": access.confirm_each,
            "given_by": access.given_by,
            "given_at": access.given_at,
        }
        user_id = {"user_id": {"$ifNull": ["$access.user_id", access.user_id]}}
        document = await self.connections.of(client_id).find_one_and_update(
            {"_id": connection_id(partner_id, client_id), "is_on": True},
            [{"$set": {"access": {"$mergeObjects": [{"$literal": given}, user_id]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return _connection(document) if document else None

    async def take(self, client_id: str, partner_id: str) -> bool:
        """Take access away, and forget its user; False when there is none."""
        query = {"_id": connection_id(partner_id, client_id), **GIVEN}
        taken = await self.connections.of(client_id).update_one(query, {"$unset": {"access": ""}})
        return taken.modified_count == 1


def _connection(document: Document) -> Connection:
    access = document.get("access")
    return Connection(
        id=document["_id"],
        partner_id=document["entered_by"],
        partner_name=document["partner_name"],
        client_id=document["partner_id"],
        client_name=document["client_name"],
        is_on=document["is_on"],
        access=_access(access) if access else None,
    )


def _access(document: Document) -> Access:
    fields = {name: document[name] for name in ("user_id", "until", "confirm_each", "given_by", "given_at")}
    return Access(permissions=frozenset(document["permissions"]), **fields)
