"""A lane per sender account: its connections, and what they have in hand. A dead server stops its own lane only."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from common.mongo import Document
from outbox.domain import Account, Answer
from outbox.smtp import Connection, Refused

PER_CONNECTION = 50
"""Messages a lane takes ahead for each of its connections: as many as leave while the next are claimed."""


@dataclass(slots=True)
class Item:
    """A claimed message. `until` is when the claim ends, by the loop's clock."""

    token: str
    message: Document
    claimed_at: datetime
    until: float


Connect = Callable[[Account], Awaitable[Connection]]
Attempt = Callable[[Account, Item, Connection], Awaitable[Answer]]
Done = Callable[[Account, Item, Answer, bool], None]


class Lane:
    """Sends the messages of one account over at most `max_connections` connections that it keeps."""

    def __init__(self, account: Account, connect: Connect, attempt: Attempt, done: Done, idle_seconds: float) -> None:
        self.account = account
        self._connect = connect
        self._attempt = attempt
        self._done = done
        self._idle_seconds = idle_seconds
        self._waiting: asyncio.Queue[Item] = asyncio.Queue()
        self._senders: set[asyncio.Task[None]] = set()
        self._idle = 0
        self.in_hand = 0

    @property
    def is_full(self) -> bool:
        return self.in_hand >= self.account.max_connections * PER_CONNECTION

    @property
    def wants_more(self) -> bool:
        """True once, on the way down: half of what it may have in hand is done."""
        return self.in_hand == self.account.max_connections * PER_CONNECTION * 5 // 8

    @property
    def is_idle(self) -> bool:
        return not self._senders and not self.in_hand

    def take(self, item: Item) -> None:
        """Send this as soon as a connection is free."""
        self.in_hand += 1
        self._waiting.put_nowait(item)
        if self._waiting.qsize() > self._idle and len(self._senders) < self.account.max_connections:
            sender = asyncio.create_task(self._send())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)

    def put_down(self) -> list[Item]:
        """Take back what was not begun."""
        items: list[Item] = []
        while not self._waiting.empty():
            items.append(self._waiting.get_nowait())
        self.in_hand -= len(items)
        return items

    def close(self) -> None:
        """End the senders that have nothing to do, and their connections."""
        for sender in list(self._senders):
            sender.cancel()

    async def _send(self) -> None:
        """One sender: a message after another over one connection, until there is none for a while."""
        connection: Connection | None = None
        try:
            while (item := await self._next()) is not None:
                try:
                    connection = await self._send_one(item, connection)
                finally:
                    self.in_hand -= 1
        finally:
            if connection is not None:
                connection.close()

    async def _next(self) -> Item | None:
        if not self._waiting.empty():
            return self._waiting.get_nowait()
        self._idle += 1
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await self._waiting.get()
        except TimeoutError:
            return None
        finally:
            self._idle -= 1

    async def _send_one(self, item: Item, connection: Connection | None) -> Connection | None:
        if asyncio.get_running_loop().time() >= item.until:
            return connection  # the claim ran out while it waited here: somebody else has it by now
        if connection is None or not connection.is_open:
            try:
                connection = await self._connect(self.account)
            except Refused as refused:
                self._done(self.account, item, refused.answer, False)
                return None
        self._done(self.account, item, await self._attempt(self.account, item, connection), True)
        return connection if connection.is_open else None
