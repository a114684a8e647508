"""MongoDB: the client, indexes beside their queries, and the one place where a query gets its partner."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pymongo import AsyncMongoClient, IndexModel, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError, DuplicateKeyError
from pymongo.results import DeleteResult, UpdateResult

from common.settings import ServiceSettings

Document = dict[str, Any]
Change = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""Of an update: operators, or a pipeline."""

PARTS, SMALLEST_PART = 2, 100
"""Of many documents that are inserted at once."""
_DUPLICATE_KEY = 11000


@dataclass(frozen=True)
class Index:
    """An index, written beside the query it serves. `keys`: (field, 1 or -1); `where`: a partial index's filter."""

    collection: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    where: tuple[tuple[str, Any], ...] = ()

    def model(self) -> IndexModel:
        options: Document = {"unique": True} if self.unique else {}
        if self.where:
            options["partialFilterExpression"] = dict(self.where)
        return IndexModel(list(self.keys), **options)


class Mongo:
    """The connection of one service to its own database: writes are acknowledged by a majority and its journals."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.client: AsyncMongoClient[Document] = AsyncMongoClient(
            settings.mongo_url.get_secret_value(),
            appname=settings.service_name,
            w="majority",
            journal=True,
            tz_aware=True,
            maxPoolSize=settings.mongo_pool,
            timeoutMS=settings.mongo_timeout_ms,
            serverSelectionTimeoutMS=2_000,
            connectTimeoutMS=2_000,
        )
        self.database: AsyncDatabase[Document] = self.client[settings.database]

    def collection(self, name: str) -> "PartnerCollection":
        """A collection whose documents belong to one partner each."""
        return PartnerCollection(self.database[name])

    def shared(self, name: str) -> AsyncCollection[Document]:
        """A collection that belongs to the platform, not to partners (keys, kinds)."""
        return self.database[name]

    async def ensure(self, indexes: Sequence[Index]) -> None:
        """Create what is missing of `indexes`."""
        by_collection: dict[str, list[IndexModel]] = {}
        for index in indexes:
            by_collection.setdefault(index.collection, []).append(index.model())
        for name, models in by_collection.items():
            await self.database[name].create_indexes(models)

    async def ping(self) -> None:
        """Raises a PyMongo error when the database does not answer."""
        await self.client.admin.command("ping")

    async def close(self) -> None:
        await self.client.close()


class PartnerCollection:
    """A collection that cannot be queried without saying whose documents are meant.

    `of(partner_id)` is what a request uses. `of_all_partners` is for consumers and jobs, which work for everyone; a
    test forbids it in handlers of requests.
    """

    def __init__(self, collection: AsyncCollection[Document]) -> None:
        self.of_all_partners = collection

    def of(self, partner_id: str) -> "OnePartner":
        """The documents of one partner, and no other's."""
        return OnePartner(self.of_all_partners, partner_id)


class OnePartner:
    """PyMongo's calls with `partner_id` put into every filter and every new document."""

    def __init__(self, collection: AsyncCollection[Document], partner_id: str) -> None:
        self._collection = collection
        self._partner_id = partner_id

    def _mine(self, query: Mapping[str, Any]) -> Document:
        return {**query, "partner_id": self._partner_id}

    async def insert(self, document: Document) -> None:
        """Raises DuplicateKeyError when the `_id` or a unique field is taken."""
        await self._collection.insert_one(self._mine(document))

    async def insert_new(self, documents: Sequence[Document]) -> set[Any]:
        """Those whose `_id` is not there yet; returns the others' (see `insert_new`)."""
        return await insert_new(self._collection, [self._mine(one) for one in documents])

    async def find_one(self, query: Mapping[str, Any], **options: Any) -> Document | None:
        return await self._collection.find_one(self._mine(query), **options)

    def find(self, query: Mapping[str, Any], **options: Any) -> AsyncCursor[Document]:
        return self._collection.find(self._mine(query), **options)

    async def update_one(self, query: Mapping[str, Any], change: Change, **options: Any) -> UpdateResult:
        return await self._collection.update_one(self._mine(query), change, **options)

    async def update_many(self, query: Mapping[str, Any], change: Mapping[str, Any], **options: Any) -> UpdateResult:
        return await self._collection.update_many(self._mine(query), change, **options)

    async def find_one_and_update(self, query: Mapping[str, Any], change: Change, **options: Any) -> Document | None:
        return await self._collection.find_one_and_update(self._mine(query), change, **options)

    async def delete_one(self, query: Mapping[str, Any]) -> DeleteResult:
        return await self._collection.delete_one(self._mine(query))

    async def delete_many(self, query: Mapping[str, Any]) -> DeleteResult:
        return await self._collection.delete_many(self._mine(query))

    async def distinct(self, field: str, query: Mapping[str, Any]) -> list[Any]:
        return await self._collection.distinct(field, self._mine(query))

    async def count(self, query: Mapping[str, Any], **options: Any) -> int:
        return await self._collection.count_documents(self._mine(query), **options)


def is_taken(error: DuplicateKeyError, field: str) -> bool:
    """True when it is this unique field that was taken."""
    return field in (error.details or {}).get("keyPattern", {})


def behind(position: tuple[datetime, str] | None, by: str = "at") -> Document:
    """What comes behind the position (time, id) in a list with the newest first; everything where there is none.

    It can be merged with a query that has bounds on the time as well. The bound on the time alone says the same again:
    it is where an index begins.
    """
    if position is None:
        return {}
    at, last = position
    return {"$and": [{by: {"$lte": at}}, {"$or": [{by: {"$lt": at}}, {by: at, "_id": {"$lt": last}}]}]}


async def insert_new(collection: AsyncCollection[Document], documents: Sequence[Document]) -> set[Any]:
    """Insert those of `documents` whose `_id` is not there yet; the rest stay as they are.

    Many go in parts at the same time, since the database works on one bulk with one core. Returns the `_id`s that were
    there already. Raises BulkWriteError for any other trouble, once every part is through.
    """
    size = max(SMALLEST_PART, -(-len(documents) // PARTS))
    parts = [documents[start : start + size] for start in range(0, len(documents), size)]
    done = await asyncio.gather(*(_insert_part(collection, part) for part in parts), return_exceptions=True)
    there: set[Any] = set()
    for one in done:
        if isinstance(one, BaseException):
            raise one
        there |= one
    return there


async def _insert_part(collection: AsyncCollection[Document], documents: Sequence[Document]) -> set[Any]:
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        return {documents[one["index"]]["_id"] for one in only_duplicates(error)}
    return set()


async def keep_newer(collection: AsyncCollection[Document], states: Sequence[tuple[str, Document]]) -> None:
    """Take states, each (`_id`, document with a `version`), into a projection where what is there is older.

    New ones are inserted, which costs the database a third of an upsert: a projection of hundreds of thousands is
    rebuilt from its topic in seconds. Nothing is ever deleted from a projection, so what was there still is.
    """
    newest: dict[str, Document] = {}
    for key, document in states:
        if key not in newest or newest[key]["version"] < document["version"]:
            newest[key] = document
    there = await insert_new(collection, [{"_id": key, **document} for key, document in newest.items()])
    writes = [
        UpdateOne({"_id": key, "version": {"$lt": newest[key]["version"]}}, {"$set": newest[key]}) for key in there
    ]
    if writes:
        await collection.bulk_write(writes, ordered=False)


def only_duplicates(error: BulkWriteError) -> list[Any]:
    """The writes that failed because the `_id` was there already. Raises `error` when there is other trouble too."""
    failed = error.details["writeErrors"]
    if error.details.get("writeConcernErrors") or any(one["code"] != _DUPLICATE_KEY for one in failed):
        raise error
    return failed
