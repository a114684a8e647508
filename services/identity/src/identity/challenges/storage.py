"""Challenges that were answered, until they would have expired."""

from datetime import datetime

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import DuplicateKeyError

from common.mongo import Document, Index, Mongo

INDEXES = [Index("answered_challenges", (("until", 1),))]


class ChallengeStore:
    """Only what was answered is kept: making challenges writes nothing, however many are asked for."""

    def __init__(self, mongo: Mongo) -> None:
        self._answered: AsyncCollection[Document] = mongo.shared("answered_challenges")

    async def answer(self, digest: str, until: datetime) -> bool:
        """False for one that was answered before."""
        try:
            await self._answered.insert_one({"_id": digest, "until": until})
        except DuplicateKeyError:
            return False
        return True

    async def forget_answered(self, now: datetime) -> None:
        await self._answered.delete_many({"until": {"$lt": now}})
