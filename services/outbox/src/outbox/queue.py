"""The documents of the outbox as the engine works with them: intake, claims, results.

Every step is safe to be cut off: a message is claimed for a time only; the claim is the record of the attempt, written
before the provider is spoken to; a result is written only by whoever still holds the claim, and tells of itself which
announcement it belongs to (`announcements.py`).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import uuid4

from bson.min_key import MinKey
from pymongo.errors import PyMongoError

from common.mongo import Document, Index, Mongo, insert_new
from outbox.counts import by_status_and_account
from outbox.domain import Outcome, Status
from outbox.due import LAST
from outbox.facts import Fact
from outbox.items import claim_document, ends_for_others

LOST_WORKER = "the process ended before it knew the answer"
RETRY_RANK = 10
"""Added to a message's priority once it was tried: new mail never stands behind retries."""

NO_ACCOUNT = "no_sender_account"
GO_BACK_AFTER = timedelta(seconds=10)
"""So long a claim goes on from where the one before ended; then it looks from the beginning again."""

RETRIES_AT_ONCE = 500
"""When more messages became due, their accounts are found by what waits of each account."""
MOVED_AT_ONCE = 1_000
"""Messages that go to another account, or wait for one, with one statement: it must not take long."""

_WAITING = (("status", Status.WAITING.value),)
QUEUE = (("status", 1), ("account_id", 1), ("rank", 1), ("due_at", 1), ("_id", 1))

# The status stands in front though each of them has one only: so that a query of it is answered by the index alone.
INDEXES = [
    Index("messages", QUEUE, where=_WAITING),
    Index("messages", (("retry_at", 1), ("account_id", 1)), where=(("retry_at", {"$exists": True}),)),
    Index(
        "messages",
        (("status", 1), ("claim.until", 1), ("account_id", 1)),
        where=(("status", Status.SENDING.value),),
    ),
    Index("messages", (("status", 1), ("account_id", 1)), where=(("status", Status.ERROR.value),)),
    Index(
        "messages",
        (("waiting_reason", 1), ("partner_id", 1), ("channel", 1)),
        where=(("waiting_reason", {"$exists": True}),),
    ),
]


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send some messages until `until`; whoever has not the same token any more has lost it.

    `drained` are the accounts that had no more to give than they were asked for.
    """

    token: str
    messages: list[Document]
    at: datetime
    drained: frozenset[str]


@dataclass(frozen=True, slots=True)
class Result:
    """What to write of an attempt: the attempt itself, the fields it changes, and the fact when the message ended."""

    message: Document
    attempt: Document
    change: Document
    fact: Fact | None


@dataclass(frozen=True, slots=True)
class _Reached:
    """Where the last claim of an account ended: what stood before is claimed, and only slows a search down."""

    rank: int
    due_at: datetime
    since: datetime


class Queue:
    """Queries of the engine; it works for all partners."""

    def __init__(self, mongo: Mongo) -> None:
        self._messages = mongo.collection("messages").of_all_partners
        self._reached: dict[str, _Reached] = {}
        self._given_back: set[tuple[str, tuple[str, ...]]] = set()
        """Claims (token, ids) that nobody works by, as long as the database does not know."""

    async def take_in(self, documents: Sequence[Document]) -> set[str]:
        """Keep new messages; those that are there already stay as they are, and their ids are returned."""
        return await insert_new(self._messages, documents)

    async def claimed(self, token: str, ids: Sequence[str]) -> list[Document]:
        """Those of the messages `ids` that are claimed with `token`."""
        return await self._messages.find({"_id": {"$in": list(ids)}, "claim.token": token}).to_list()

    async def claimed_again(self, token: str, ids: Sequence[str], now: datetime, lease: timedelta) -> list[Document]:
        """The same, and their claim is as one that is made now: it may be an old one."""
        await self.renew(token, ids, now, lease)
        return await self.claimed(token, ids)

    async def waiting_accounts(self) -> list[str]:
        """Accounts that have a message waiting, due or not."""
        return [one for one in await self._messages.distinct("account_id", {"status": Status.WAITING}) if one]

    async def accounts_to_retry(self, since: datetime, now: datetime) -> list[str]:
        """Accounts of which a message that had to wait, after an attempt or for its time, became due since then; or,
        when these are many, all that have one waiting."""
        due = {"retry_at": {"$gt": since, "$lte": now}}
        found = await self._messages.find(due, {"account_id": 1, "_id": 0}, limit=RETRIES_AT_ONCE).to_list()
        if len(found) == RETRIES_AT_ONCE:  # a campaign that became due at one moment: to read all of it takes long
            return await self.waiting_accounts()
        return list({one["account_id"] for one in found if one["account_id"]})

    async def claim_due(self, now: datetime, lease: timedelta, wanted: Mapping[str, int], down_to: int = LAST) -> Claim:
        """Claim due messages, of each account in `wanted` up to so many, its most urgent first, none less urgent than
        the rank `down_to`."""
        each = ((account_id, most, now, down_to) for account_id, most in wanted.items())
        found = await asyncio.gather(*(self._next_due(*one) for one in each))
        drained = frozenset(one for (one, most), ids in zip(wanted.items(), found, strict=True) if len(ids) < most)
        token, ids = uuid4().hex, [one for part in found for one in part]
        if not ids:
            return Claim(token, [], now, drained)
        due = {"_id": {"$in": ids}, "status": Status.WAITING, "due_at": {"$lte": now}}
        claim = {"status": Status.SENDING, "claim": claim_document(token, now, lease)}
        try:
            await self._messages.update_many(due, {"$set": claim, "$unset": {"retry_at": ""}})
            # Read after the claim: another replica may have been quicker with some, or changed them just before.
            claimed = {one["_id"]: one for one in await self.claimed(token, ids)}
            return Claim(token, [claimed[one] for one in ids if one in claimed], now, drained)
        except PyMongoError:  # some may be claimed, and nobody will begin them
            self._given_back.add((token, tuple(ids)))
            raise

    async def _next_due(self, account_id: str, most: int, now: datetime, down_to: int) -> list[str]:
        """Ids of what is due of an account, the most urgent first."""
        if down_to < LAST:
            found = await self._search(account_id, {"rank": {"$lte": down_to}}, None, most, now)
            return [one["_id"] for one in found]
        reached = self._reached.pop(account_id, None)
        if reached is None or now - reached.since > GO_BACK_AFTER:
            found = await self._search(account_id, {}, None, most, now)
            since = now
        else:
            more_urgent, rest = await asyncio.gather(
                self._search(account_id, {"rank": {"$lt": reached.rank}}, None, most, now),
                self._search(account_id, {}, reached, most, now),
            )
            found = (more_urgent + rest)[:most]
            since = reached.since
        if len(found) == most:
            self._reached[account_id] = _Reached(found[-1]["rank"], found[-1]["due_at"], since)
        return [one["_id"] for one in found]

    async def _search(
        self, account_id: str, ranks: Document, after: _Reached | None, most: int, now: datetime
    ) -> list[Document]:
        due = {"status": Status.WAITING, "account_id": account_id, "due_at": {"$lte": now}, **ranks}
        cursor = self._messages.find(due, {"rank": 1, "due_at": 1}, limit=most)
        cursor = cursor.sort(QUEUE).hint(QUEUE)
        if after is not None:
            position = (Status.WAITING.value, account_id, after.rank, after.due_at, MinKey())
            bound: list[Any] = [(name, value) for (name, _), value in zip(QUEUE, position, strict=True)]
            cursor = cursor.min(bound)
        return await cursor.to_list()

    async def renew(self, token: str, ids: Sequence[str], now: datetime, lease: timedelta) -> None:
        """Keep the claim of what is still in hand."""
        until = ends_for_others(now, lease)
        await self._messages.update_many(
            {"_id": {"$in": list(ids)}, "claim.token": token}, {"$set": {"claim.until": until}}
        )

    async def give_back(self, ids_by_token: Mapping[str, Collection[str]], now: datetime) -> None:
        """Unclaim what was not begun: there was no attempt, and it keeps its place. What the database does not take is
        tried again with the next, and until then it is not said here that an attempt was lost."""
        self._given_back |= {(token, tuple(ids)) for token, ids in ids_by_token.items() if ids}
        self._reached = {} if self._given_back else self._reached
        for token, ids in list(self._given_back):
            await self._messages.update_many(
                {"_id": {"$in": ids}, "claim.token": token},
                {"$set": {"status": Status.WAITING, "retry_at": now}, "$unset": {"claim": ""}},
            )
            self._given_back.discard((token, ids))

    async def write_results(self, token: str, results: Sequence[Result], announcement: str) -> bool:
        """Write results of our claim `token`. False when some were not ours any more: those are not written.

        One statement for all of them: an update for each costs the database more than twice as much.
        """
        by_id = {
            one.message["_id"]: {
                "attempt": one.attempt | ({"announcement": announcement} if one.fact else {}),
                "change": one.change,
            }
            for one in results
        }
        own = {"$getField": {"field": "$_id", "input": {"$literal": by_id}}}
        doubted = {"$and": [{"$eq": ["$own.attempt.outcome", Outcome.UNKNOWN]}, "$claim.is_doubted"]}
        ours = {
            "attempts": {"$concatArrays": ["$attempts", ["$own.attempt"]]},
            "possible_duplicate": {"$or": ["$possible_duplicate", "$own.change.possible_duplicate", doubted]},
        }
        written = await self._messages.update_many(
            {"_id": {"$in": list(by_id)}, "claim.token": token},
            [
                {"$set": {"own": own}},
                {"$replaceWith": {"$mergeObjects": ["$$ROOT", "$own.change", ours]}},
                {"$unset": ["claim", "own"]},
            ],
        )
        return written.matched_count == len(by_id)

    async def accounts_of_lost_claims(self, now: datetime) -> list[str]:
        """Accounts of which a claim ran out."""
        return await self._messages.distinct("account_id", {"status": Status.SENDING, "claim.until": {"$lt": now}})

    async def take_back(
        self, account_ids: Sequence[str], now: datetime, known: Collection[str], *, is_sure: bool
    ) -> int:
        """Make what a dead worker had claimed due again; returns how many.

        The messages `known` are left alone: what came of them is about to be written.
        Nobody knows whether the provider has it: the next attempt may be the second, and is marked so, unless
        `is_sure`: these accounts' providers send nothing twice.
        """
        attempt = {"at": "$claim.at", "ended_at": now, "outcome": Outcome.UNKNOWN, "reply": LOST_WORKER}
        ours = chain(known, *(ids for _, ids in self._given_back))
        lost = {"claim.until": {"$lt": now}, "_id": {"$nin": list(ours)}}
        taken = await self._messages.update_many(
            {"status": Status.SENDING, "account_id": {"$in": list(account_ids)}, **lost},
            [
                {
                    "$set": {
                        "status": Status.WAITING,
                        "due_at": now,
                        "retry_at": now,
                        "possible_duplicate": {"$or": ["$possible_duplicate", "$claim.is_doubted", not is_sure]},
                        "attempts": {"$concatArrays": ["$attempts", [attempt]]},
                    }
                },
                {"$unset": "claim"},
            ],
        )
        return taken.modified_count

    async def release(self, partner_id: str, channel: str, account_id: str, now: datetime) -> bool:
        """Let some messages of a channel that waited for an account go through this one; True when there may be more.

        They leave in the order in which they could have. The age of each counts from now, or from its `not_before` if
        that is still to come: until then it waits on.
        """
        leaves_at = {"$max": [now, "$due_since"]}
        return await self._change_some(
            {"waiting_reason": NO_ACCOUNT, "partner_id": partner_id, "channel": channel},
            [
                {
                    "$set": {
                        "account_id": account_id,
                        "due_at": "$due_since",
                        "due_since": leaves_at,
                        "retry_at": leaves_at,
                    }
                },
                {"$unset": "waiting_reason"},
            ],
        )

    async def _change_some(self, query: Document, change: Sequence[Document]) -> bool:
        """True when there may be more of these."""
        ids = [one["_id"] async for one in self._messages.find(query, {"_id": 1}, limit=MOVED_AT_ONCE)]
        await self._messages.update_many({"_id": {"$in": ids}, **query}, change)
        return len(ids) == MOVED_AT_ONCE

    async def hasten(self, partner_id: str, account_id: str, now: datetime) -> None:
        """Make due now what waits because this account was refused, or nobody answered it: somebody mended it (B9)."""
        tried = {"status": Status.WAITING, "account_id": account_id, "rank": {"$gte": RETRY_RANK}}
        was_refused = {"$eq": ["$$last.outcome", Outcome.ACCOUNT_REFUSED]}
        met_nobody = {"$and": [{"$eq": ["$$last.outcome", Outcome.TRY_AGAIN]}, {"$eq": ["$$last.code", None]}]}
        either = {"$let": {"vars": {"last": {"$last": "$attempts"}}, "in": {"$or": [was_refused, met_nobody]}}}
        await self._messages.update_many(
            {**tried, "partner_id": partner_id, "$expr": either}, {"$set": {"due_at": now, "retry_at": now}}
        )

    async def doubt(self, account_id: str) -> None:
        """Mark what the account's provider may have, and another will get: only the first knows what it has sent. An
        attempt under way is marked by its result, if it comes to be one of these."""
        await self._messages.update_many(
            {"status": Status.SENDING, "account_id": account_id}, {"$set": {"claim.is_doubted": True}}
        )
        for status in (Status.WAITING, Status.ERROR):
            await self._messages.update_many(
                {"status": status, "account_id": account_id, "attempts.outcome": Outcome.UNKNOWN},
                {"$set": {"possible_duplicate": True}},
            )

    async def hold(self, account_id: str) -> bool:
        """Let some waiting messages of an account that is gone wait for another; True when there may be more."""
        is_doubtful = {"$or": ["$possible_duplicate", {"$in": [Outcome.UNKNOWN, "$attempts.outcome"]}]}
        held = {"account_id": None, "due_at": None, "waiting_reason": NO_ACCOUNT, "possible_duplicate": is_doubtful}
        waiting = {"status": Status.WAITING, "account_id": account_id}
        if is_more := await self._change_some(waiting, [{"$set": held}, {"$unset": "retry_at"}]):
            return is_more
        await self.doubt(account_id)
        return False

    async def partners_without_account(self) -> list[str]:
        """Partners of messages that wait for an account; read off the index, however many there are."""
        return await self._messages.distinct("partner_id", {"waiting_reason": NO_ACCOUNT})

    async def waits_for(self, partner_id: str, channel: str) -> bool:
        """True when there is one of this channel among them."""
        waiting = {"waiting_reason": NO_ACCOUNT, "partner_id": partner_id, "channel": channel}
        return await self._messages.find_one(waiting, {"_id": 1}) is not None

    async def by_status_and_account(self) -> list[tuple[str, str, int]]:
        """(status, account, how many) of what is not sent."""
        return await by_status_and_account(self._messages)
