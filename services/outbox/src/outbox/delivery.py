"""The engine: claims due messages and lets lanes send them; `results.py` writes and announces what came of it.

A message that may leave and comes in while its lane has room is claimed in the same write that keeps it, and leaves at
once. All others wait in the database, where each account with something due is asked for as much as its lane takes.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import uuid4

from common.jobs import Pace, Stop
from common.mongo import Document
from outbox.channels import Connection, Refused
from outbox.composing import Composing
from outbox.domain import Account, Answer, Status
from outbox.domains.handlers import load_signer
from outbox.due import LAST, Due
from outbox.items import Item, Reach, claim_document
from outbox.lanes import Lane
from outbox.permitting import Permitting, Turn
from outbox.preparing import Preparing
from outbox.providers import Providers
from outbox.queue import Claim, Queue
from outbox.rates.storage import RateStore
from outbox.results import LOOK_EVERY_SECONDS, Results
from outbox.storage import Store

CLAIM_EVERY_SECONDS = 0.01
LOOK_BACK = timedelta(seconds=5)
"""What became due before the last look may show up so much later: clocks differ, and writes take time."""
LOOK_AT_ALL_EVERY = timedelta(seconds=5)
"""What another process took in, and left waiting when it died, is found by this."""
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Rules:
    """The engine's settings."""

    batch: int
    lease: timedelta
    idle_seconds: float
    refused_rest: float
    beside_urgent: int


class Delivery:
    """The lanes of this process and what they have in hand."""

    def __init__(
        self, queue: Queue, store: Store, rates: RateStore, results: Results, providers: Providers,
        composing: Composing, rules: Rules,
    ) -> None:  # fmt: skip
        self.results = results
        self._queue = queue
        self._store = store
        self._providers = providers
        self._rules = rules
        self._composing = composing
        self._preparing = Preparing(composing.attachments, results)
        self._lanes: dict[str, Lane] = {}
        self._in_hand = results.in_hand
        self._due = Due()
        self._unread: set[str] = set()
        """Accounts whose lanes work by what may have been changed since. All are read again with each look."""
        self._wake = asyncio.Event()
        self._permitting = Permitting(rates, self._lanes, self._in_hand, rules.beside_urgent, self._wake.set)
        self._token = uuid4().hex
        self._claims_under_way = 0
        self._looked_at = self._looked_at_all = NEVER
        self._stop = Stop()

    # Ways in

    async def take_in(self, documents: Sequence[Document], accounts: Mapping[str, Account]) -> None:
        """Keep new messages; those whose lanes have room leave at once. `accounts` are theirs, by id."""
        with self._claiming():
            now, until = datetime.now(UTC), self._claim_ends()
            mine = self._claim_while_coming_in(documents, accounts, now)
            there = await self._queue.take_in(documents)
            fresh = [one for message_id, one in mine.items() if message_id not in there]
            known = [one for one in mine if one in there and (self._token, one) not in self._in_hand]
            if known:  # this may be the second try to take them in, and the first had come that far a while ago
                fresh += await self._queue.claimed_again(self._token, known, datetime.now(UTC), self._rules.lease)
            if self._is_open:
                for one in fresh:
                    self._begin(Item(self._token, one, now, until))
            else:
                await self._queue.give_back({self._token: [one["_id"] for one in fresh]}, datetime.now(UTC))
        for one in documents:
            if one["_id"] not in mine and one["account_id"] and one["due_at"] <= now:
                self._due.add(one["account_id"], one["rank"])
                self._wake.set()

    def _claim_while_coming_in(
        self, documents: Sequence[Document], accounts: Mapping[str, Account], now: datetime
    ) -> dict[str, Document]:
        """Put our claim into those documents that can leave at once; returns them by id."""
        taken: Counter[str] = Counter()
        mine: dict[str, Document] = {}
        in_hand = self._permitting.in_hand()
        for one in documents:
            account_id = one["account_id"]
            if not self._is_open or not account_id or one["due_at"] > now or self._permitting.steps_back(one["rank"]):
                continue
            lane, waits = self._lane(accounts[account_id]), self._due.rank(account_id)
            if in_hand.room_while_coming_in(lane, one["rank"], len(mine), waits) > taken[account_id]:
                taken[account_id] += 1
                one |= {"status": Status.SENDING, "claim": claim_document(self._token, now, self._rules.lease)}
                mine[one["_id"]] = one
        return mine

    @property
    def _is_open(self) -> bool:
        """True while messages may be claimed as they come in: what waited before us is known, and it is not the end."""
        return self._looked_at > NEVER and not self._stop.is_set()

    @contextmanager
    def _claiming(self) -> Generator[None]:
        self._claims_under_way += 1
        try:
            yield
        finally:
            self._claims_under_way -= 1

    def look_at(self, account_id: str) -> None:
        """This account was changed, or has something due."""
        self._unread.add(account_id)
        self._due.add(account_id)
        self._wake.set()

    def hurry(self, account_id: str) -> None:
        """Somebody asks for a message of this account now (B4): look at once, also when its lane rests."""
        if lane := self._lanes.get(account_id):
            lane.end_rest()
        self.look_at(account_id)

    async def try_account(self, account: Account) -> Answer:
        """Connect as for a message, prove what can be proved, and send nothing (B11)."""
        try:
            connection = await self._connect(account)
            try:
                return await connection.check()
            finally:
                connection.close()
        except Refused as refused:
            return refused.answer

    # The loops

    async def claims(self, stop: Stop) -> None:
        """Claim what is due and hand it to the lanes, until `stop`; then give back what was not begun."""
        self._stop = stop
        pace = Pace(CLAIM_EVERY_SECONDS)
        while not stop.is_set():
            self._wake.clear()
            with self._claiming():
                is_more = await self._claim()
            if not is_more:
                await stop.wait_or(self._wake, LOOK_EVERY_SECONDS)
            await pace.turn()
        await self._put_down(self._lanes.values())

    async def finish(self, stop: Stop) -> None:
        """Write and announce what the lanes finish, until all that was begun is done; then let the lanes go."""
        await self.results.run(stop, lambda: self._claims_under_way > 0)
        for lane in self._lanes.values():
            lane.close()

    async def leases(self, stop: Stop) -> None:
        """Renew the claims of what is in hand, and drop what could not be renewed in time."""
        every = self._rules.lease.total_seconds() / 3
        while not await stop.wait_for(every) or self._in_hand:
            await self._renew()
            while await self.results.write_health():
                await self._renew()
            if stop.is_set():  # what was to follow a mail of an account that was stopped is put down last
                await self._put_down(self._lanes.values())
                await self.results.until_something_finished(every)

    # Claiming

    async def _claim(self) -> bool:
        """One round; True when there may be more at once."""
        await self._put_down([one for one in self._lanes.values() if one.is_stopped and one.in_hand])
        if self._permitting.is_full:
            return True  # results are being written: there is room in a moment
        turn = await self._turn()
        if not (wanted := await self._permitting.permitted(turn.rooms)):
            return turn.is_partial
        self._due.discard(*wanted)  # first, so that what is said of them meanwhile is not forgotten
        setbacks = {one: self._lanes[one].setbacks for one in wanted}
        until, drained = self._claim_ends(), frozenset[str]()
        try:
            claim = await self._queue.claim_due(datetime.now(UTC), self._rules.lease, wanted, turn.down_to)
            drained = claim.drained
        finally:
            self._due.update(wanted.keys() - drained, LAST)
            if turn.down_to < LAST:
                self._due.update(drained, turn.down_to + 1)
        begun = await self._begin_claimed(claim, setbacks, until)
        await self._permitting.claimed(turn, wanted, begun)
        return bool(claim.messages) or turn.is_partial

    async def _turn(self) -> Turn:
        """Whom to ask for how many messages, once the accounts say what they say now."""
        if await self._look():
            self._unread.update(self._due)
        self._unread.update(one for one in self._due if one not in self._lanes)
        if asking := {one for one in self._due if one in self._lanes and self._lanes[one].is_to_ask_again}:
            await self.results.count_refusals()  # so that the accounts say which of them are stopped
            self._unread.update(asking)
        await self._read_accounts([one for one in self._due if one in self._unread])
        lanes = {one: self._lanes[one] for one in self._due.in_turn() if one in self._lanes}
        lanes = {one: lane for one, lane in lanes.items() if one in asking or not lane.was_refused}
        return self._permitting.turn(lanes, self._due, self._rules.batch)

    async def _begin_claimed(self, claim: Claim, setbacks: Mapping[str, int], until: float) -> list[Document]:
        """Hand to the lanes what they still want, and give back the rest; returns what was handed over."""
        begun: list[Document] = []
        others: list[str] = []
        reached: dict[str, int] = {}
        for message in claim.messages:
            account_id = message["account_id"]
            if account_id in setbacks and self._lanes[account_id].setbacks == setbacks[account_id]:
                reached[account_id] = max(reached.get(account_id, 0), message["rank"])
                self._begin(Item(claim.token, message, claim.at, until))
                begun.append(message)
            else:  # given to another account between the search and the claim, or the server wants nothing now
                self._due.add(account_id)
                others.append(message["_id"])
        for account_id, rank in reached.items():
            self._due.come_down(account_id, rank)
        await self._queue.give_back({claim.token: others}, datetime.now(UTC))
        return begun

    async def _read_accounts(self, ids: Sequence[str]) -> None:
        """Let lanes work by what their accounts say now; what waits for an account that is gone waits for another.
        One that is stopped has nothing due until it is released (B9)."""
        accounts = await self._store.accounts_by_id_of_all_partners(ids) if ids else {}
        for account_id in ids:
            self._unread.discard(account_id)
            account = accounts.get(account_id)
            if account is None or account.stopped_at:
                self._due.discard(account_id)
            if account is not None:
                self._lane(account)
            elif await self._queue.hold(account_id):
                self.look_at(account_id)

    async def _look(self) -> bool:
        """Now and then, find the accounts of which something became due; True when it was time for it."""
        now = datetime.now(UTC)
        if now - self._looked_at_all > LOOK_AT_ALL_EVERY:
            self._due.update(await self._queue.waiting_accounts())
            self._looked_at = self._looked_at_all = now
        elif now - self._looked_at >= timedelta(seconds=LOOK_EVERY_SECONDS):
            self._due.update(await self._queue.accounts_to_retry(self._looked_at - LOOK_BACK, now))
            self._looked_at = now
        else:
            return False
        return True

    def _claim_ends(self) -> float:
        """When a claim that is made now ends, by the loop's clock."""
        return asyncio.get_running_loop().time() + self._rules.lease.total_seconds()

    def _begin(self, item: Item) -> None:
        message = item.message
        self._in_hand[item.token, message["_id"]] = item
        lane = self._lanes[message["account_id"]]
        item.is_asking = not lane.is_let_in
        if "attachments" in message:
            self._preparing.begin(lane, item)
        else:
            lane.take(item)

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time()
        lease = self._rules.lease.total_seconds()
        for lost in [key for key, item in self._in_hand.items() if item.until <= now]:
            del self._in_hand[lost]
        aging: dict[str, list[Item]] = {}
        for item in self._in_hand.values():
            if item.until - now < lease * 2 / 3:
                aging.setdefault(item.token, []).append(item)
        for token, items in aging.items():
            await self._queue.renew(token, [one.message["_id"] for one in items], datetime.now(UTC), self._rules.lease)
            renewed_at = asyncio.get_running_loop().time()
            for item in items:
                if item.until > renewed_at:  # else its lane may have dropped it while the database was slow
                    item.until = now + lease

    async def _put_down(self, lanes: Collection[Lane]) -> None:
        """Give back what these lanes did not begin, and what could not be given back before."""
        by_token: dict[str, list[str]] = {}
        for item in chain(self._preparing.put_down(lanes), *(lane.put_down() for lane in lanes)):
            by_token.setdefault(item.token, []).append(item.message["_id"])
            self._in_hand.pop((item.token, item.message["_id"]), None)
            self._permitting.put_down(self._lanes[item.message["account_id"]].account.rate, item)
        await self._queue.give_back(by_token, datetime.now(UTC))

    # Sending

    def _lane(self, account: Account) -> Lane:
        lane = self._lanes.get(account.id)
        if lane is None:
            rules, mail = self._rules, self._composing.mail
            lane = Lane(account, self._connect, mail, self._done, rules.idle_seconds, rules.refused_rest)
            self._lanes[account.id] = lane
        lane.use(account)
        return lane

    async def _connect(self, account: Account) -> Connection:
        """A connection for the account as it is now. Raises Refused."""
        if account.channel == "email":
            await load_signer(self._composing.domains, account)
        return await self._providers.connect(account)

    def _done(self, account: Account, item: Item, answer: Answer, reach: Reach) -> None:
        """A lane finished with `item`."""
        self.results.add(account, item, answer, reach)
        self._permitting.ended(account, item, answer, reach)
        if account.id in self._due and self._lanes[account.id].wants_more:
            self._wake.set()
