"""Reaching a host that has several addresses (RFC 5321, 5.1)."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

from outbox.connect import Network

SILENT, GOOD = "127.0.0.1", "127.0.0.2"
NETWORK = Network(frozenset({SILENT, GOOD}))


class TwoAddresses(asyncio.SelectorEventLoop):
    """Every host has two, the silent one first."""

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in (SILENT, GOOD)]


@asynccontextmanager
async def one_is_silent() -> AsyncGenerator[int]:
    """The port of both. Nobody takes connections at the first, and its queue is full: no more are answered."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server((SILENT, 0), backlog=0))
        port: int = silent.getsockname()[1]
        stack.enter_context(socket.create_server((GOOD, port)))
        stack.enter_context(socket.create_connection((SILENT, port)))
        waiting = stack.enter_context(socket.socket())
        waiting.setblocking(False)
        asking = asyncio.create_task(loop.sock_connect(waiting, (SILENT, port)))
        yield port
        asking.cancel()


async def reached() -> str:
    async with one_is_silent() as port:
        with await NETWORK.connect("mx.example.com", port, seconds=1) as connected:
            return connected.getpeername()[0]


def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    """B10: or a host of which one machine is away would never be reached."""
    with asyncio.Runner(loop_factory=TwoAddresses) as runner:
        assert runner.run(reached()) == GOOD
