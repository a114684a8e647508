"""The documents of contact records."""

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.mongo import Document, Index, Mongo, is_taken
from crm.records.domain import ContactRecord, Kind, Phone

INDEXES = [
    Index("records", (("partner_id", 1), ("_id", 1))),
    Index("records", (("partner_id", 1), ("kind", 1), ("_id", 1))),
    Index("records", (("partner_id", 1), ("supplier", 1), ("_id", 1))),
    Index("records", (("partner_id", 1), ("folded_email", 1), ("_id", 1))),
    Index("records", (("partner_id", 1), ("request", 1)), unique=True, where=(("request", {"$exists": True}),)),
]


class RecordStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._records = mongo.collection("records")

    async def add(self, partner_id: str, record: ContactRecord, request: str | None) -> ContactRecord:
        """The record; the first one's answer when `request` (an idempotency key) was used before."""
        document = {"_id": record.id, "version": 1, **_document(record)} | ({"request": request} if request else {})
        own = self._records.of(partner_id)
        while True:
            try:
                await own.insert(document)
            except DuplicateKeyError as error:
                if not is_taken(error, "request"):
                    raise
                first = await own.find_one({"request": request})
                if first is None:
                    continue  # it was deleted in this moment, and its key is free again
                return _record(first)
            return record

    async def record(self, partner_id: str, record_id: str) -> ContactRecord | None:
        document = await self._records.of(partner_id).find_one({"_id": record_id})
        return _record(document) if document else None

    async def page(
        self, partner_id: str, kind: Kind | None, supplier: bool | None, email: str | None, after: str, limit: int
    ) -> list[ContactRecord]:
        """Records by id, after the id `after`; the filters narrow it (C2)."""
        query: Document = {"_id": {"$gt": after}}
        query |= {"kind": kind} if kind else {}
        query |= {"supplier": supplier} if supplier is not None else {}
        query |= {"folded_email": email.casefold()} if email is not None else {}
        found = self._records.of(partner_id).find(query, sort=[("_id", 1)], limit=limit)
        return [_record(document) async for document in found]

    async def replace(self, partner_id: str, record: ContactRecord, only_version: int | None) -> ContactRecord | None:
        """None when there is no such record in that version."""
        document = await self._records.of(partner_id).find_one_and_update(
            _this(record.id, only_version),
            {"$set": _document(record), "$inc": {"version": 1}},
            return_document=ReturnDocument.AFTER,
        )
        return _record(document) if document else None

    async def remove(self, partner_id: str, record_id: str, only_version: int | None) -> bool:
        """False when there is no such record in that version."""
        return (await self._records.of(partner_id).delete_one(_this(record_id, only_version))).deleted_count == 1


def _this(record_id: str, only_version: int | None) -> Document:
    return {"_id": record_id} | ({"version": only_version} if only_version is not None else {})


def _document(record: ContactRecord) -> Document:
    return {
        "kind": record.kind,
        "first_name": record.first_name,
        "last_name": record.last_name,
        "organization_name": record.organization_name,
        "email": record.email,
        "folded_email": record.email.casefold() if record.email else None,
        "phones": [{"type": phone.type, "number": phone.number} for phone in record.phones],
        "supplier": record.supplier,
        "note": record.note,
    }


def _record(document: Document) -> ContactRecord:
    return ContactRecord(
        id=document["_id"],
        kind=Kind(document["kind"]),
        first_name=document["first_name"],
        last_name=document["last_name"],
        organization_name=document["organization_name"],
        email=document["email"],
        phones=tuple(Phone(one["type"], one["number"]) for one in document["phones"]),
        supplier=document["supplier"],
        note=document["note"],
        version=document["version"],
    )
