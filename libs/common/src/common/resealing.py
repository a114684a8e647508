"""Rotating a key ring: what an older key sealed is sealed anew with the newest, beside live services.

Nothing is remembered of how far it came: what is done already is not old any more, so it may be broken off and begun
again. Each value is replaced only while it is still the one that was read; whoever writes another in between is right.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from pymongo import UpdateOne

from common.keyring import Keyring, SecretUnreadable, key_id_of
from common.mongo import Document, Mongo
from common.settings import ServiceSettings

BATCH = 500


@dataclass(frozen=True)
class Sealed:
    """A field that holds a sealed value or nothing: `a.b` is one within another, `a.$.b` one within each of a list.

    `owner` says what a value is bound to, by the document, and by the part of it that the value stands in.
    """

    collection: str
    field: str
    owner: Callable[[Document, Document], str]

    @property
    def path(self) -> str:
        """The field as it is asked for."""
        return self.field.replace(".$", "")

    def values(self, document: Document) -> list[tuple[str, str]]:
        """(value, owner) of each."""
        *way, last = self.path.split(".")
        parts = [document]
        for name in way:
            inner = [part.get(name) for part in parts]
            parts = [one for found in inner for one in (found if isinstance(found, list) else [found]) if one]
        return [(part[last], self.owner(document, part)) for part in parts if part.get(last)]


@dataclass(frozen=True)
class Tally:
    """Of one field: how many values were sealed anew, and how many still need which older key, by its id."""

    sealed: str
    renewed: int
    need_older_keys: Mapping[str, int]

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def rotate(settings: ServiceSettings, keyring: Keyring, places: Sequence[Sealed], *, is_check: bool) -> list[Tally]:
    """What the operators' commands do; a check changes nothing."""
    return asyncio.run(_rotate(settings, keyring, places, is_check=is_check))


async def _rotate(
    settings: ServiceSettings, keyring: Keyring, places: Sequence[Sealed], *, is_check: bool
) -> list[Tally]:
    mongo, tallies = Mongo(settings), list[Tally]()
    try:
        for place in places:
            renewed = 0 if is_check else await seal_anew(mongo, keyring, place)
            needed = await older_keys(mongo, keyring, place)
            tallies.append(Tally(f"{place.collection}.{place.path}", renewed, dict(needed)))
    finally:
        await mongo.close()
    return tallies


async def seal_anew(mongo: Mongo, keyring: Keyring, place: Sealed) -> int:
    """Seal with the newest key what an older one sealed, and tell how many that were. What no key of the ring opens
    stays as it is."""
    renewed = 0
    async for documents in _batches(mongo, place):
        writes: list[UpdateOne] = []
        for document in documents:
            for old, owner in place.values(document):
                if not keyring.is_newest(old) and (fresh := _fresh(keyring, old, owner)):
                    still = {"_id": document["_id"], place.path: old}
                    writes.append(UpdateOne(still, {"$set": {place.field: fresh}}))
        if writes:
            done = await mongo.database[place.collection].bulk_write(writes, ordered=False)
            renewed += done.modified_count
    return renewed


async def older_keys(mongo: Mongo, keyring: Keyring, place: Sealed) -> Counter[str]:
    """How many values still need which other key than the newest, by its id."""
    needed = Counter[str]()
    async for documents in _batches(mongo, place):
        values = (value for document in documents for value, _ in place.values(document))
        needed.update(key_id_of(value) for value in values if not keyring.is_newest(value))
    return needed


def _fresh(keyring: Keyring, old: str, owner: str) -> str | None:
    try:
        return keyring.seal(keyring.open(old, owner), owner)
    except SecretUnreadable:
        return None


async def _batches(mongo: Mongo, place: Sealed) -> AsyncIterator[Sequence[Document]]:
    """All documents, by id; each batch is a short query of its own, however many there are."""
    last: Document = {}
    while True:
        found = mongo.database[place.collection].find(last, sort=[("_id", 1)], limit=BATCH)
        documents = await found.to_list()
        if not documents:
            return
        yield documents
        last = {"_id": {"$gt": documents[-1]["_id"]}}
