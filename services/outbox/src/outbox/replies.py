"""What a mail server answers over one connection, whatever it is (RFC 5321, 4.2)."""

import asyncio
from collections import deque

from outbox.faults import Disconnected

MOST_REPLY_BYTES = 64_000
"""Of answers that nobody took yet; to all that is asked at once there are four."""


class Replies(asyncio.Protocol):
    """Answers of a mail server, in the order of the questions. Who talks without end, or nonsense, is hung up on."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._buffer = b""
        self._lines: list[str] = []
        self._untaken = 0
        self._arrived: deque[tuple[int, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self.is_open = True

    @property
    def unasked(self) -> bool:
        """True when the server said more than it was asked."""
        return bool(self._arrived)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._untaken += len(line)
            if self._untaken <= MOST_REPLY_BYTES:
                self._take(line.rstrip(b"\r").decode("utf-8", "replace"))
        if self._untaken + len(self._buffer) > MOST_REPLY_BYTES:
            self.is_open = False
        if not self.is_open:
            self._transport.abort()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._wake()
        self._can_write.set()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    async def has_taken(self, seconds: float) -> None:
        """Wait until the server has taken most of what was written. Raises Disconnected, TimeoutError."""
        await asyncio.sleep(0)  # lets the loop learn that the connection was lost
        if not self._can_write.is_set():
            async with asyncio.timeout(seconds):
                await self._can_write.wait()
        if not self.is_open:
            raise Disconnected

    async def next(self, seconds: float) -> tuple[int, str]:
        """Code and text of the next answer. Raises Disconnected, TimeoutError."""
        if not self._arrived:  # of pipelined answers the later ones are mostly there already
            loop = asyncio.get_running_loop()
            self._has_patience = True
            patience = loop.call_later(seconds, self._give_up)  # a third of the cost of `asyncio.timeout`
            try:
                while not self._arrived:
                    if not self.is_open:
                        raise Disconnected
                    if not self._has_patience:
                        raise TimeoutError
                    self._waiter = loop.create_future()
                    await self._waiter
            finally:
                patience.cancel()
        answer = self._arrived.popleft()
        if not self._arrived:
            self._untaken = 0
        return answer

    def _give_up(self) -> None:
        self._has_patience = False  # a part of an answer may have come in this very moment, and woken who waits
        self._wake()

    def _take(self, line: str) -> None:
        if not line[:3].isdecimal():
            self.is_open = False
            return
        self._lines.append(line[4:])
        if line[3:4] != "-":
            self._arrived.append((int(line[:3]), " ".join(self._lines)))
            self._lines = []

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
