"""The second factor in a user's document."""

from common.mongo import Document, Mongo
from common.resealing import Sealed
from identity.domain import User
from identity.second_factors.domain import Enrolment, SecondFactor, sealed_for
from identity.storage import LIVING

SEALED = [
    Sealed("users", f"{which}.sealed", lambda user, _: sealed_for(user["_id"]))
    for which in ("second_factor", "enrolment")
]


class SecondFactorStore:
    """Queries by intent. Whatever turns one on or off goes the way of every change of how one signs in."""

    def __init__(self, mongo: Mongo) -> None:
        self._users = mongo.collection("users")

    async def of_user(self, user: User) -> SecondFactor | None:
        document = await self._document(user)
        if "second_factor" not in document:
            return None
        codes = document.get("recovery_codes", [])
        return SecondFactor(**document["second_factor"], recovery_codes_left=len(codes))

    async def enrolment(self, user: User) -> Enrolment | None:
        found = (await self._document(user)).get("enrolment")
        return Enrolment(**found) if found else None

    async def enrol(self, user: User, enrolment: Enrolment) -> None:
        change = {"$set": {"enrolment": {"sealed": enrolment.sealed, "until": enrolment.until}}}
        await self._users.of(user.partner_id).update_one({"_id": user.id, **LIVING}, change)

    async def use_step(self, user: User, step: int) -> bool:
        """Use the code of a step; False when it, or a later one, was used before."""
        return await self._use(
            user, {"second_factor.last_step": {"$lt": step}}, {"$set": {"second_factor.last_step": step}}
        )

    async def use_recovery_code(self, user: User, digest: str) -> bool:
        """Use a recovery code up; False when there is no such one (any more)."""
        return await self._use(user, {"recovery_codes": digest}, {"$pull": {"recovery_codes": digest}})

    async def _use(self, user: User, where: Document, change: Document) -> bool:
        used = await self._users.of(user.partner_id).update_one({"_id": user.id, **where, **LIVING}, change)
        return used.modified_count == 1

    async def _document(self, user: User) -> Document:
        return await self._users.of(user.partner_id).find_one({"_id": user.id, **LIVING}) or {}
