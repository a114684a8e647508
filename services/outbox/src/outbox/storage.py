"""The documents of the outbox as people ask for them: box and sender accounts. The engine's are in `queue.py`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from common.mongo import Document, Index, Mongo, behind
from common.resealing import Sealed
from outbox import search
from outbox.domain import FINISHED, RESENDABLE, Account, Status
from outbox.rates.domain import Rate
from outbox.via import KINDS, GatewayReports, OAuth, Via

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
BOX = (("requested_at", -1), ("_id", -1))
INDEXES = [
    Index("messages", (("partner_id", 1), *BOX)),
    Index("messages", (("partner_id", 1), ("status", 1), *BOX)),
    Index("messages", (("partner_id", 1), ("channel", 1), *BOX)),
    Index("messages", (("partner_id", 1), ("order_number", 1), *BOX)),
    Index("messages", (("partner_id", 1), ("recipient.words", 1), *BOX)),
    Index(
        "messages",
        (("partner_id", 1), ("executed_at", -1), ("_id", -1)),
        where=(("executed_at", {"$gte": LONG_AGO}),),
    ),
    Index("deleted", (("at", 1),)),
    Index("accounts", (("partner_id", 1), ("_id", 1))),
    Index("accounts", (("partner_id", 1), ("channel", 1)), unique=True, where=(("is_default", True),)),
]
SEALED = [
    Sealed("accounts", "secret", lambda document, _: _account(document).sealed_for),
    Sealed("accounts", "reports_secret", lambda document, _: _account(document).reports_sealed_for),
]
COUNTED_MOST = 10_000
"""Messages of one status are counted up to here: a count reads that many entries of an index."""
PRUNE_BATCH = 500
TOLD: Document = {"unannounced": {"$exists": False}}
"""Of messages that bounced: it was announced (`reports/`)."""
ACCOUNT_FIELDS = ("name", "channel", "from_address", "from_name", "secret", "is_default", "max_connections")
KEPT_SECRETS = ("secret", "reports_secret")
"""None of them in a change means: as it was."""

T = TypeVar("T")
TimeField = Literal["requested_at", "executed_at"]


@dataclass(frozen=True, slots=True)
class Filter:
    """What of the box is asked for (B5); None means any. Times, and the order of the list, are by the field `by`."""

    channel: str | None = None
    status: Status | None = None
    recipient: str | None = None
    order_number: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    by: TimeField = "requested_at"

    @property
    def is_empty(self) -> bool:
        """True when it leaves nothing out."""
        return replace(self, by="executed_at") == Filter(by="executed_at")

    @property
    def order(self) -> list[tuple[str, int]]:
        """The newest first."""
        return [(self.by, -1), ("_id", -1)]

    def query(self, after: tuple[datetime, str] | None) -> Document:
        """The filter as a query, for what comes after the position `after`."""
        query: Document = {}
        if self.channel:
            query["channel"] = self.channel
        if self.status:
            query["status"] = self.status
        if self.order_number:
            query["order_number"] = self.order_number
        if self.recipient:
            query["recipient.words"] = search.condition(self.recipient)
        times: Document = ({"$gte": self.since} if self.since else {}) | ({"$lt": self.until} if self.until else {})
        if self.by == "executed_at":
            times["$gte"] = max(self.since or LONG_AGO, LONG_AGO)  # as the index says, so that it serves this
        if times:
            query[self.by] = times
        return query | behind(after, self.by)


class Store:
    """Queries by intent."""

    def __init__(self, mongo: Mongo) -> None:
        self.messages = mongo.collection("messages")
        self.deleted = mongo.collection("deleted")
        self.accounts = mongo.collection("accounts")
        self.preferences = mongo.collection("preferences")

    async def page(
        self, partner_id: str, chosen: Filter, after: tuple[datetime, str] | None, limit: int
    ) -> list[Document]:
        """A page of the box, newest first, without contents."""
        found = self.messages.of(partner_id).find(
            chosen.query(after), projection={"content.text": 0, "content.html": 0}, sort=chosen.order, limit=limit
        )
        return [document async for document in found]

    async def message(self, partner_id: str, message_id: str) -> Document | None:
        return await self.messages.of(partner_id).find_one({"_id": message_id})

    async def counts(self, partner_id: str) -> dict[Status, int]:
        """Messages by status, each up to COUNTED_MOST, read off an index."""
        messages = self.messages.of(partner_id)
        counts = await asyncio.gather(*(messages.count({"status": one}, limit=COUNTED_MOST) for one in Status))
        return dict(zip(Status, counts, strict=True))

    async def delete(self, partner_id: str, message_id: str, attempts: int) -> bool:
        """Delete, unless it is being sent or was tried more than `attempts` times (B3)."""
        allowed = {"_id": message_id, "status": {"$ne": Status.SENDING}, "attempts": {"$size": attempts}} | TOLD
        await self._keep_ids(partner_id, [message_id])
        return (await self.messages.of(partner_id).delete_one(allowed)).deleted_count == 1

    async def resend(self, partner_id: str, message_id: str, now: datetime) -> Document | None:
        """Make it due now, if it waits or failed (B4); one of any number of simultaneous calls does it."""
        return await self.messages.of(partner_id).find_one_and_update(
            {"_id": message_id, "status": {"$in": list(RESENDABLE)}, "account_id": {"$ne": None}} | TOLD,
            {"$set": {"status": Status.WAITING, "due_at": now, "due_since": now, "rank": 0, "executed_at": None}},
            return_document=ReturnDocument.AFTER,
        )

    async def prune(self, partner_id: str, before: datetime) -> int:
        """Delete one batch of what finished before `before` (B6); returns how many."""
        messages = self.messages.of(partner_id)
        finished: Document = {
            "executed_at": {"$gte": LONG_AGO, "$lt": before},
            "status": {"$in": list(FINISHED)},
        } | TOLD
        ids = [one["_id"] async for one in messages.find(finished, projection={"_id": 1}, limit=PRUNE_BATCH)]
        await self._keep_ids(partner_id, ids)
        # Asked again while deleting: what was resent since has not finished any more.
        await messages.delete_many({"_id": {"$in": ids}, **finished})
        return len(ids)

    async def _keep_ids(self, partner_id: str, ids: Sequence[str]) -> None:
        """Of what is about to be deleted: what asks for it stays in its topic longer, and may be read again (F6)."""
        now = datetime.now(UTC)
        await self.deleted.of(partner_id).insert_new([{"_id": one, "at": now} for one in ids])

    async def deleted_of_all_partners(self, ids: Iterable[str]) -> set[str]:
        """Those of the messages `ids` that were deleted."""
        found = self.deleted.of_all_partners.find({"_id": {"$in": list(ids)}}, {"_id": 1})
        return {one["_id"] async for one in found}

    async def forget_deleted_of_all_partners(self, before: datetime) -> int:
        """Forget one batch of what was deleted before `before`; returns how many."""
        found = self.deleted.of_all_partners.find({"at": {"$lt": before}}, {"_id": 1}, limit=PRUNE_BATCH)
        ids = [one["_id"] async for one in found]
        await self.deleted.of_all_partners.delete_many({"_id": {"$in": ids}})
        return len(ids)

    async def keep_days(self, partner_id: str) -> int | None:
        """How long the partner wants finished messages to be kept; None when it did not say."""
        document = await self.preferences.of(partner_id).find_one({"_id": partner_id})
        return document["keep_days"] if document else None

    async def set_keep_days(self, partner_id: str, days: int | None) -> None:
        await self.preferences.of(partner_id).update_one(
            {"_id": partner_id}, {"$set": {"keep_days": days}}, upsert=True
        )

    async def add_account(self, account: Account) -> None:
        new = {"_id": account.id, **_fields(account), "version": 0, "refusals": 0, "stop": None, "health": {}}
        await self._alone_as_default(account, lambda: self.accounts.of(account.partner_id).insert(new))

    async def replace_account(self, account: Account, version: int, now: datetime) -> Account | None:
        """Change it, and release it if it was stopped; None when it has not this version any more. A secret of None
        keeps the one that is there."""
        fields = {name: value for name, value in _fields(account).items() if name not in KEPT_SECRETS or value}
        change = {name: {"$literal": value} for name, value in fields.items()} | _released(now)
        if account.secret:
            change["asking"] = None  # whoever asks for a token with the old one (`oauth/`) keeps nothing of it
        accounts = self.accounts.of(account.partner_id)
        document = await self._alone_as_default(
            account,
            lambda: accounts.find_one_and_update(
                {"_id": account.id, "version": version}, [{"$set": change}], return_document=ReturnDocument.AFTER
            ),
        )
        return _account(document) if document else None

    async def release_account(self, account: Account, now: datetime) -> bool:
        """It was just seen to work: whatever was refused before does not count, and it is not stopped (B9). False when
        it has not this version any more."""
        health = {"works": True, "last_reached_at": now, "failing_since": None, "error": None}
        released = await self.accounts.of(account.partner_id).update_one(
            {"_id": account.id, "version": account.version},
            [{"$set": _released(now) | {"health": {"$literal": health}}}],
        )
        return released.matched_count == 1

    async def _alone_as_default(self, account: Account, write: Callable[[], Awaitable[T]]) -> T:
        """`write` the account; if it shall be the default of its channel, no other is. Of simultaneous calls the last
        one wins."""
        others = {"channel": account.channel, "is_default": True, "_id": {"$ne": account.id}}
        while True:
            if account.is_default:
                await self.accounts.of(account.partner_id).update_one(others, {"$set": {"is_default": False}})
            try:
                return await write()
            except DuplicateKeyError:  # another became the default in between; its call is over, so this ends
                continue

    async def remove_account(self, partner_id: str, account_id: str) -> bool:
        return (await self.accounts.of(partner_id).delete_one({"_id": account_id})).deleted_count == 1

    async def account(self, partner_id: str, account_id: str) -> Account | None:
        document = await self.accounts.of(partner_id).find_one({"_id": account_id})
        return _account(document) if document else None

    async def accounts_with_health(self, partner_id: str) -> list[tuple[Account, Mapping[str, Any]]]:
        """Accounts by id, each with its health (B9)."""
        found = self.accounts.of(partner_id).find({}, sort=[("_id", 1)], limit=200)
        return [(_account(document), document.get("health", {})) async for document in found]

    async def accounts_by_id(self, partner_id: str, ids: Iterable[str]) -> dict[str, Account]:
        found = self.accounts.of(partner_id).find({"_id": {"$in": list(ids)}})
        return {document["_id"]: _account(document) async for document in found}

    async def accounts_by_id_of_all_partners(self, ids: Iterable[str]) -> dict[str, Account]:
        found: AsyncIterator[Document] = self.accounts.of_all_partners.find({"_id": {"$in": list(ids)}})
        return {document["_id"]: _account(document) async for document in found}

    async def default_accounts_of_all_partners(self, partner_ids: Iterable[str]) -> dict[tuple[str, str], Account]:
        """(partner, channel) → its default account."""
        query = {"partner_id": {"$in": list(set(partner_ids))}, "is_default": True}
        found = [_account(one) async for one in self.accounts.of_all_partners.find(query)]
        return {(account.partner_id, account.channel): account for account in found}

    async def note_health_of_all_partners(self, learned: Mapping[str, Document]) -> None:
        """Write what was learned of accounts from real attempts (B9), unless they were mended after them.

        Whoever saw one fail first is right.
        """
        changes: list[UpdateOne] = []
        for account_id, health in learned.items():
            known: Document = {name: {"$literal": value} for name, value in health.items()}
            change: Document = {"health": known}
            if health["works"]:
                change["refusals"] = 0
            else:
                known["failing_since"] = {"$ifNull": ["$health.failing_since", health["failing_since"]]}
            not_mended_since = {"_id": account_id, "mended_version": {"$not": {"$gt": health["of_version"]}}}
            changes.append(UpdateOne(not_mended_since, [{"$set": change}]))
        if changes:
            await self.accounts.of_all_partners.bulk_write(changes, ordered=False)

    async def count_refusal_of_all_partners(
        self, account: Account, words: str, now: datetime, most: int, *, is_first: bool
    ) -> bool:
        """The provider refused the account, in these words; with the refusal number `most` in a row it is stopped (B9).

        True when it is by this one. It counts only while the account is as it was when it was tried.
        """
        refusals = 1 if is_first else {"$add": [{"$ifNull": ["$refusals", 0]}, 1]}
        is_enough = {"$gte": ["$refusals", most]}
        stop = {"since": now, "words": {"$literal": words}, "is_told": False}
        stopping = {
            "stop": {"$cond": [is_enough, stop, None]},
            "version": {"$add": ["$version", {"$cond": [is_enough, 1, 0]}]},
        }
        counted = await self.accounts.of_all_partners.find_one_and_update(
            {"_id": account.id, "version": account.version, "stop": None},
            [{"$set": {"refusals": refusals}}, {"$set": stopping}],
            projection={"stop": 1},
            return_document=ReturnDocument.AFTER,
        )
        return counted is not None and counted["stop"] is not None


def via_of(document: Document) -> Via:
    """The way to the provider as an account's document has it."""
    settings = {name: value for name, value in document.items() if name != "kind"}
    if settings.get("reports"):
        settings["reports"] = GatewayReports(**settings["reports"])
    if settings.get("oauth"):
        settings["oauth"] = OAuth(**settings["oauth"])
    return KINDS[document["kind"]](**settings)


def _fields(account: Account) -> Document:
    via = {"kind": account.via.kind, **asdict(account.via)}
    fields = {name: getattr(account, name) for name in (*ACCOUNT_FIELDS, "reports_secret")}
    return {"via": via, "rate": asdict(account.rate), **fields}


def _released(now: datetime) -> Document:
    """What changes of an account that somebody mended: older refusals do not count, and all replicas begin afresh."""
    version = {"$add": [{"$ifNull": ["$version", 0]}, 1]}
    return {
        "version": version,
        "mended_version": version,
        "refusals": 0,
        "stop": None,
        "used.until": None,
        "released_at": {"$cond": [{"$gt": ["$stop", None]}, now, "$released_at"]},
    }


def _account(document: Document) -> Account:
    fields = {name: document[name] for name in ACCOUNT_FIELDS}
    stop, used_until = document.get("stop"), document.get("used", {}).get("until")
    return Account(
        id=document["_id"],
        partner_id=document["partner_id"],
        via=via_of(document["via"]),
        version=document.get("version", 0),
        stopped_at=stop["since"] if stop else None,
        released_at=document.get("released_at"),
        rate=Rate(**document.get("rate", {})),
        allowance_used_until=used_until if used_until and used_until > datetime.now(UTC) else None,
        reports_secret=document.get("reports_secret"),
        **fields,
    )
