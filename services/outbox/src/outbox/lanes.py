"""A lane per sender account: its connections, and what they have in hand. A dead server stops its own lane only.

A lane asks with one connection whether the server lets it in, and takes more once it does. When it does not, everything
in hand shares that answer and the lane rests: a thousand messages do not try a wrong password a thousand times.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from math import ceil

from common.errors import tried
from common.logs import error_code, logger
from outbox.channels import Connection, Refused, Stale
from outbox.domain import Account, Answer, Outcome, Stage, lost, not_made
from outbox.items import Item, Reach
from outbox.mime import Mail

log = logger(__name__)

PER_CONNECTION = 50
"""Messages a lane has in hand for each of its connections: as many as leave while the next are claimed. When it comes
down to 5/8 of them it takes more, the most urgent first."""
URGENT = PER_CONNECTION
"""So many more it takes of what is more urgent than the most of what it has in hand."""
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 1.0, 30.0
FEWER_CONNECTIONS_SECONDS = 60.0

Connect = Callable[[Account], Awaitable[Connection]]
Compose = Callable[[Account, Item], Mail]
Done = Callable[[Account, Item, Answer, Reach], None]


@dataclass(slots=True)
class _Held:
    """What a sender has: its connection, which ends with it, and its message, of which it may have spoken already."""

    connection: Connection | None = None
    item: Item | None = None
    has_spoken: bool = False


class Lane:
    """Sends the messages of one account over at most `max_connections` connections that it keeps."""

    def __init__(
        self, account: Account, connect: Connect, compose: Compose, done: Done, idle_seconds: float,
        refused_rest_seconds: float,
    ) -> None:  # fmt: skip
        self.account = account
        self.in_hand = 0
        self.setbacks = 0
        """How often the server did not let us in, or wanted nothing more for a while."""
        self._connect = connect
        self._compose = compose
        self._done = done
        self._idle_seconds = idle_seconds
        self._refused_rest_seconds = refused_rest_seconds
        self._waiting: asyncio.PriorityQueue[tuple[int, int, Item]] = asyncio.PriorityQueue()
        self._order = count()
        self._senders: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._connections: dict[Connection, int] = {}
        self._rest, self._rests_until = 0.0, 0.0
        self._permitted_from = 0.0
        self._fewer, self._fewer_until = 0, 0.0
        self._is_closed = False

    @property
    def free(self) -> int:
        """How many messages it could take now."""
        return 0 if self._is_idle else self._capacity - self.in_hand

    @property
    def free_for_urgent(self) -> int:
        """How many it could take now of what is more urgent than the most of what it has in hand."""
        return self.free + URGENT if self.is_let_in and not self._is_idle else 0

    @property
    def _is_idle(self) -> bool:
        is_rated_out = asyncio.get_running_loop().time() < self._permitted_from
        return self.is_resting or self.is_stopped or is_rated_out

    @property
    def is_let_in(self) -> bool:
        """True while it has a connection."""
        return bool(self._connections)

    @property
    def room(self) -> int:
        """How many messages it wants to be asked for: none before it is worth it."""
        return self.free if self.in_hand <= self._refill_at else 0

    @property
    def wants_more(self) -> bool:
        """True once, on the way down: so much is done of what it may have in hand that there is room; and at the end,
        for it may have had less in hand than that."""
        return self.in_hand in (self._refill_at, 0)

    @property
    def _capacity(self) -> int:
        most = self.account.max_connections * PER_CONNECTION
        per_second = self.account.rate.per_second
        return most if per_second is None else min(most, ceil(per_second))

    @property
    def _refill_at(self) -> int:
        return self._capacity * 5 // 8

    @property
    def is_resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._rests_until

    @property
    def is_stopped(self) -> bool:
        """True while nothing may be tried (B9)."""
        return self.account.stopped_at is not None

    @property
    def was_refused(self) -> bool:
        """True from when the server did not let us in until it does: the account may have been stopped since."""
        return self._rest > 0

    @property
    def is_to_ask_again(self) -> bool:
        """True when the rest after a refusal is over."""
        return self.was_refused and not self.is_resting

    def end_rest(self) -> None:
        """Ask the server again at once: somebody says that the cause is mended."""
        self._rests_until = self._fewer_until = 0.0

    def rest_for_its_rate(self, seconds: float) -> None:
        """Its provider allows no more before then; what is in hand goes on."""
        self._permitted_from = asyncio.get_running_loop().time() + seconds

    def use(self, account: Account) -> None:
        """Work by what the account says now; connections made by what it said before are not used again."""
        if account.version > self.account.version:
            self.account = account
            self._permitted_from = 0.0
            self.end_rest()

    def take(self, item: Item) -> None:
        """Send this as soon as a connection is free."""
        self.in_hand += 1
        self._put(item)
        self._staff()

    def put_down(self) -> list[Item]:
        """Take back what was not begun."""
        items = [self._waiting.get_nowait()[2] for _ in range(self._waiting.qsize())]
        self.in_hand -= len(items)
        return items

    def close(self) -> None:
        """End the senders that have nothing to do, and their connections."""
        self._is_closed = True
        for sender in list(self._senders):
            sender.cancel()

    def _put(self, item: Item | None) -> None:
        if item is not None:
            self._waiting.put_nowait((item.message["rank"], next(self._order), item))

    def _staff(self) -> None:
        """Have a sender for each waiting message, up to what the account and its server allow."""
        while len(self._senders) < self._most() and self._waiting.qsize() > len(self._senders) - self._busy:
            held = _Held()
            sender = asyncio.create_task(self._send(held))
            self._senders.add(sender)
            sender.add_done_callback(partial(self._ended, held))

    def _most(self) -> int:
        if self._is_closed or self.is_stopped:
            return 0
        if not self._connections:
            return 1
        if self._fewer_until and asyncio.get_running_loop().time() < self._fewer_until:
            return min(self._fewer, self.account.max_connections)
        return self.account.max_connections

    def _ended(self, held: _Held, sender: asyncio.Task[None]) -> None:
        self._senders.discard(sender)
        if not sender.cancelled() and (error := sender.exception()):
            log.error("sender_failed", account_id=self.account.id, error=error_code(error))
            if held.item is not None:  # once it was spoken of nobody knows how far it came
                words = f"sending it failed, which is our fault ({error_code(error)})"
                answer = lost(Stage.AFTER_CONTENT if held.has_spoken else Stage.CONNECT, words)
                self._finish(self.account, held.item, answer, Reach.NOWHERE)
        self._staff()

    async def _send(self, held: _Held) -> None:
        """One sender: a message after another over one connection, until there is none for a while."""
        following = None
        try:
            while (item := following or await self._next()) is not None:
                if self.is_stopped:
                    following = item
                    break
                held.item, held.has_spoken = item, False
                self._busy += 1
                try:
                    following = self._following() if held.connection is not None else None
                    await self._send_one(item, following, held)
                    following = following if held.connection is not None else None
                finally:
                    self._busy -= 1
                held.item = None
        finally:
            self._put(following)
            self._let_go(held)

    def _following(self) -> Item | None:
        """What this sender sends next, if no other sender could send it earlier."""
        return None if self._waiting.empty() or self._busy < self._most() else self._waiting.get_nowait()[2]

    async def _next(self) -> Item | None:
        """The most urgent message; None when there is none for a while, or one sender less is wanted."""
        if len(self._senders) > self._most():
            return None
        if not self._waiting.empty():
            return self._waiting.get_nowait()[2]
        try:
            async with asyncio.timeout(self._idle_seconds):
                return (await self._waiting.get())[2]
        except TimeoutError:
            return None

    async def _send_one(self, item: Item, following: Item | None, held: _Held) -> None:
        """Afterwards `held` is good for the next message, or has no connection; then `following` is put back."""
        item.started_ns = time.time_ns()
        account = self.account
        try:
            while asyncio.get_running_loop().time() < item.until:
                account = self.account
                connection = await self._usable(held, account)
                if asyncio.get_running_loop().time() >= item.until:
                    continue
                mail, then = self._mail(account, item), self._mail(account, following) if following else None
                if isinstance(mail, Answer):
                    self._finish(account, item, mail, Reach.NOWHERE)
                    break
                held.has_spoken = True
                try:
                    answer = await connection.send(mail, then if isinstance(then, Mail) else None)
                except Stale:
                    continue
                self._finish(account, item, answer, Reach.INSIDE)
                if answer.retry_after:
                    self._put(following)
                    self._let_go(held)
                    self._throttled(account, answer, answer.retry_after)
                    return
                break
            else:
                self.in_hand -= 1  # the claim ran out while it waited here: somebody else has it by now
        except Refused as refused:
            self._put(following)
            self._let_go(held)
            self._refused(account, item, refused.answer)
            return
        if held.connection is not None and not held.connection.is_open:
            self._put(following)
            self._let_go(held)

    def _mail(self, account: Account, item: Item) -> Mail | Answer:
        """The item as a mail of the account as it is when the connection is used, or why it cannot be one now."""
        if item.mail is None or item.composed_for != account.version:
            made = tried(lambda: self._compose(account, item))
            if isinstance(made, Exception):
                log.warning("preparing_failed", account_id=account.id, error=(code := error_code(made)))
                return not_made(code)
            item.mail, item.composed_for = made, account.version
        return item.mail

    async def _usable(self, held: _Held, account: Account) -> Connection:
        """What is held, or a new one if it has ended or the account was changed since. Raises Refused."""
        connection = held.connection
        if connection is not None and connection.is_open and self._connections[connection] == account.version:
            return connection
        self._let_go(held)
        held.connection = fresh = await self._connect(account)
        self._connections[fresh] = account.version
        self._rest = 0.0
        self._staff()
        return fresh

    def _let_go(self, held: _Held) -> None:
        connection, held.connection = held.connection, None
        if connection is not None:
            self._connections.pop(connection, None)
            connection.close()

    def _refused(self, account: Account, item: Item, answer: Answer) -> None:
        """The server did not let us in with `item`, as the account was then."""
        if account.version < self.account.version:  # changed meanwhile: that answer says nothing of it as it is now
            self._put(item)
            return
        now = asyncio.get_running_loop().time()
        if let_in := sum(one.is_open for one in self._connections):
            # Others of ours are inside: it wants no more of us, and the message is not to blame.
            self._fewer, self._fewer_until = let_in, now + FEWER_CONNECTIONS_SECONDS
            self._put(item)
            return
        self.setbacks += 1
        if now >= self._rests_until:
            longer = min(max(2 * self._rest, FIRST_REST_SECONDS), LONGEST_REST_SECONDS)
            self._rest = self._refused_rest_seconds if answer.outcome is Outcome.ACCOUNT_REFUSED else longer
            self._rests_until = now + self._rest
        self._finish(account, item, answer, Reach.DOOR)
        self._finish_waiting(account, answer, Reach.SHARED)

    def _throttled(self, account: Account, answer: Answer, seconds: float) -> None:
        """The provider wants nothing more for so long: what is in hand waits too, whatever became of this one."""
        self.setbacks += 1
        self._rests_until = max(self._rests_until, asyncio.get_running_loop().time() + seconds)
        self._finish_waiting(account, replace(answer, outcome=Outcome.TRY_AGAIN, provider_id=""), Reach.NOWHERE)

    def _finish_waiting(self, account: Account, answer: Answer, reach: Reach) -> None:
        while not self._waiting.empty():
            self._finish(account, self._waiting.get_nowait()[2], answer, reach)

    def _finish(self, account: Account, item: Item, answer: Answer, reach: Reach) -> None:
        item.started_ns = item.started_ns or time.time_ns()
        self.in_hand -= 1
        self._done(account, item, answer, reach)
