"""Attachments in the database, in the layout of GridFS: one document per file, its bytes in chunks (B12).

PyMongo's own GridFS classes are not used: writing they hold up to 48 MB in memory, reading 16 MB, and they know of no
partner. Its tools read what is written here.

A file is there once its document is, which is written last and deleted first. `unfinished` has the files that are being
written or deleted, so that the chunks of one that a crash left are found.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from bson import Binary, ObjectId
from pymongo.errors import DuplicateKeyError

from common.mongo import Document, Index, Mongo
from outbox.attachments.domain import Attachment

CHUNK_BYTES = 57 * 4_096
"""57 bytes are a line of base64: each chunk is encoded for itself."""

INDEXES = [
    Index("attachments.files", (("partner_id", 1), ("sha256", 1)), unique=True),
    Index("attachments.files", (("wanted_at", 1),)),
    Index("attachments.chunks", (("files_id", 1), ("n", 1)), unique=True),
    Index("unfinished", (("since", 1),)),
    Index("messages", (("partner_id", 1), ("attachments.id", 1)), where=(("attachments.id", {"$exists": True}),)),
]


class Files:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._files = mongo.collection("attachments.files")
        self._chunks = mongo.collection("attachments.chunks")
        self._unfinished = mongo.collection("unfinished")
        self._messages = mongo.collection("messages")

    # Writing

    async def begin(self, partner_id: str, now: datetime) -> ObjectId:
        """A new file, which nobody sees yet."""
        file_id = ObjectId()
        await self._unfinished.of(partner_id).insert({"_id": file_id, "since": now})
        return file_id

    async def add(self, partner_id: str, file_id: ObjectId, n: int, chunk: bytes) -> None:
        """Its `n`th chunk, of CHUNK_BYTES; only the last may have fewer."""
        await self._chunks.of(partner_id).insert({"files_id": file_id, "n": n, "data": Binary(chunk)})

    async def reveal(self, partner_id: str, file_id: ObjectId, attachment: Attachment, now: datetime) -> None:
        """Let the file be seen; where the same bytes are kept already, these stay, with the new name and type."""
        files = self._files.of(partner_id)
        named = {"filename": attachment.name, "type": attachment.type, "wanted_at": now}
        new = {
            "_id": file_id, "sha256": attachment.id, "length": attachment.size, "chunkSize": CHUNK_BYTES,
            "uploadDate": now,
        }  # fmt: skip
        while not await files.find_one_and_update({"sha256": attachment.id}, {"$set": named}):
            try:
                await files.insert(new | named)
            except DuplicateKeyError:  # another upload of the same bytes was quicker
                continue
            await self._unfinished.of(partner_id).delete_one({"_id": file_id})
            return
        await self.drop(partner_id, file_id)

    async def drop(self, partner_id: str, file_id: ObjectId) -> None:
        """Forget a file that nobody sees, or sees any more."""
        await self._chunks.of(partner_id).delete_many({"files_id": file_id})
        await self._unfinished.of(partner_id).delete_one({"_id": file_id})

    # Reading

    async def want(self, partner_id: str, ids: Iterable[str], now: datetime) -> dict[str, Attachment]:
        """Those of the attachments `ids` that there are, by id. They stay for a while from now on."""
        files, there = self._files.of(partner_id), {"sha256": {"$in": list(set(ids))}}
        await files.update_many(there, {"$max": {"wanted_at": now}})
        return {one["sha256"]: _attachment(one) async for one in files.find(there)}

    async def read(self, partner_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        """The bytes, a chunk at a time; fewer than its size where it is gone."""
        file = await self._files.of(partner_id).find_one({"sha256": attachment_id})
        number = -(-file["length"] // file["chunkSize"]) if file else 0
        for n in range(number):
            assert file is not None
            chunk = await self._chunks.of(partner_id).find_one({"files_id": file["_id"], "n": n})
            if chunk is None:
                return
            yield bytes(chunk["data"])

    async def of_message(self, partner_id: str, message_id: str) -> list[Document] | None:
        """The attachments of a message as they stand in it; None where there is no such message."""
        found = await self._messages.of(partner_id).find_one({"_id": message_id}, projection={"attachments": 1})
        return found.get("attachments", []) if found else None

    async def note(self, partner_id: str, message_id: str, attachments: Sequence[Document]) -> None:
        """Write what was learned of the attachments of a message."""
        change = {"$set": {"attachments": attachments}}
        await self._messages.of(partner_id).update_one({"_id": message_id}, change)

    # Forgetting

    async def unwanted_of_all_partners(self, before: datetime, limit: int) -> list[Document]:
        """Files that were last wanted before then, as far as they themselves know."""
        return await self._files.of_all_partners.find({"wanted_at": {"$lt": before}}, limit=limit).to_list()

    async def is_referred_to(self, file: Document) -> bool:
        """Whether a message has this file."""
        referring = {"attachments.id": file["sha256"]}
        return await self._messages.of(file["partner_id"]).find_one(referring, projection={"_id": 1}) is not None

    async def still_want(self, file: Document, now: datetime) -> None:
        """Remember that a message has it."""
        await self._files.of(file["partner_id"]).update_one({"_id": file["_id"]}, {"$max": {"wanted_at": now}})

    async def forget(self, file: Document, now: datetime) -> bool:
        """Delete a file, unless it was wanted since it was read; true when it is gone."""
        partner_id, file_id = file["partner_id"], file["_id"]
        with suppress(DuplicateKeyError):  # another process deletes it at the same moment, and has noted so
            await self._unfinished.of(partner_id).update_one({"_id": file_id}, {"$set": {"since": now}}, upsert=True)
        same = {"_id": file_id, "wanted_at": file["wanted_at"]}
        if (await self._files.of(partner_id).delete_one(same)).deleted_count == 0:
            return False
        await self.drop(partner_id, file_id)
        return True

    async def left_behind_of_all_partners(self, before: datetime, limit: int) -> list[Document]:
        """What was being written or deleted before then, and is neither any more."""
        return await self._unfinished.of_all_partners.find({"since": {"$lt": before}}, limit=limit).to_list()

    async def tidy(self, unfinished: Document) -> None:
        """Drop what is left of a file that nobody sees."""
        partner_id, file_id = unfinished["partner_id"], unfinished["_id"]
        if await self._files.of(partner_id).find_one({"_id": file_id}, projection={"_id": 1}):
            await self._unfinished.of(partner_id).delete_one({"_id": file_id, "since": unfinished["since"]})
        else:
            await self.drop(partner_id, file_id)


def _attachment(file: Document) -> Attachment:
    return Attachment(id=file["sha256"], name=file["filename"], type=file["type"], size=file["length"])
