"""Links that are followed, and the requests of those who forgot their password."""

from collections.abc import Sequence

from pymongo.asynchronous.collection import AsyncCollection

from common.mongo import Document, Mongo
from identity.domain import User
from identity.mails import storage as mails_storage
from identity.mails.domain import LetterKind, MailedToken, Mailing
from identity.recovery.domain import Forgotten
from identity.storage import LIVING, to_user


class RecoveryStore:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self._users = mongo.collection("users")
        self._requests: AsyncCollection[Document] = mongo.shared("password_requests")

    async def ask(self, request: Forgotten) -> None:
        await self._requests.insert_one({"_id": request.id, "email": request.email, "at": request.at})

    async def asked(self, limit: int) -> list[Forgotten]:
        """Requests that were not answered yet."""
        found = self._requests.find({}, limit=limit)
        return [Forgotten(document["_id"], document["email"], document["at"]) async for document in found]

    async def answered(self, requests: Sequence[Forgotten]) -> None:
        await self._requests.delete_many({"_id": {"$in": [request.id for request in requests]}})

    async def follows_of_all_partners(self, user_id: str, kind: LetterKind) -> tuple[User, MailedToken] | None:
        """Whoever follows a link has no partner yet: the user it says it is of, and his token of this kind."""
        document = await self._users.of_all_partners.find_one({"_id": user_id, **LIVING})
        token = mails_storage.token_in(document, kind) if document else None
        return (to_user(document), token) if document and token else None

    async def mail(self, user: User, mailing: Mailing) -> None:
        """Keep a letter and the token of its link in one write."""
        await self._keep(user, mailing, {})

    async def answer(self, user: User, mailing: Mailing, request: Forgotten) -> None:
        """The same, unless this request or a later one was answered already: of what was mailed twice the first link
        arrives, and it has to be the good one."""
        token = f"tokens.{LetterKind.PASSWORD_RESET}"
        once = {f"{token}.asked_by": {"$ne": request.id}, f"{token}.asked_at": {"$not": {"$gte": request.at}}}
        await self._keep(user, mailing, once)

    async def _keep(self, user: User, mailing: Mailing, where: Document) -> None:
        query = {"_id": user.id, **LIVING, **where}
        await self._users.of(user.partner_id).update_one(query, mails_storage.updating(mailing))


def is_spent_by(token: MailedToken) -> Document:
    """What is true of the user once: his token of this kind is this one."""
    return {f"tokens.{token.kind}.hash": token.hash}
