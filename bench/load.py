"""A client that asks for the same again and again, so cheaply that it is not what is measured."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from bench.setting import paced


def request(method: str, path: str, headers: Mapping[str, str], body: Any = None) -> bytes:
    """A request as it goes over the wire."""
    content = b"" if body is None else json.dumps(body).encode()
    fields = {"Host": "bench", "Content-Type": "application/json", "Content-Length": str(len(content)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + content


class Connection(asyncio.Protocol):
    """A kept connection: one request at a time."""

    def __init__(self) -> None:
        self.is_open = True
        self._received = b""
        self._answer: asyncio.Future[int] | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def ask(self, asked: bytes) -> "asyncio.Future[int]":
        """The status of the answer, once all of it has arrived."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(asked)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        _, found, after = head.lower().partition(b"content-length: ")
        if len(body) >= (int(after.partition(b"\r\n")[0]) if found else 0):
            self._received = b""
            if self._answer is not None:
                self._answer.set_result(int(head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the connection was closed"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


@dataclass
class Client:
    """Asks one service; connections are kept and used again."""

    url: str
    _free: list[Connection] = field(default_factory=lambda: [])

    async def ask(self, asked: bytes) -> int:
        """The status of the answer. A kept connection may be closed in the moment it is used again: then another is."""
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                with suppress(ConnectionError):
                    return await self._ask(connection, asked)
        return await self._ask(await self._connect(), asked)

    async def _ask(self, connection: Connection, asked: bytes) -> int:
        status = await connection.ask(asked)
        self._free.append(connection)
        return status

    async def _connect(self) -> Connection:
        parts = urlsplit(self.url)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, parts.hostname or "", parts.port or 80)
        return connection

    def close(self) -> None:
        for connection in self._free:
            connection.close()


async def as_many_as_go(ask: Callable[[], Awaitable[Any]], at_once: int, seconds: float) -> float:
    """Times per second that `ask` was done, `at_once` always being under way."""
    done, began = 0, time.perf_counter()
    end = began + seconds

    async def go_on() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await ask()
            done += 1

    await asyncio.gather(*(go_on() for _ in range(at_once)))
    return done / (time.perf_counter() - began)


async def at_a_pace(ask: Callable[[], Awaitable[Any]], per_second: float, seconds: float) -> list[float]:
    """How long each took, in ms and sorted, when asked at a steady pace, however long the ones before take."""
    took: list[float] = []

    async def one() -> None:
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1_000)

    asking = set[asyncio.Task[None]]()
    async for _ in paced(per_second, int(per_second * seconds)):
        asking.add(asyncio.create_task(one()))
    await asyncio.gather(*asking)
    return sorted(took)
