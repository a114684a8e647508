"""Reaching a host: one that has several addresses (RFC 5321, 5.1), and one beside many that nobody finds."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from threading import Event

from outbox.connect import Network
from outbox.lookups import Found, Lookups

SILENT, GOOD = "127.0.0.1", "127.0.0.2"
ALLOWED = frozenset({SILENT, GOOD})


def two_addresses(host: str, port: int) -> Found:
    """Every host has two, the silent one first."""
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


async def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    """B10: or a host of which one machine is away would never be reached."""
    network = Network(ALLOWED, Lookups(two_addresses))
    async with one_is_silent() as port:
        with await network.connect("mx.example.com", port, seconds=1) as connected:
            assert connected.getpeername()[0] == GOOD


async def test_a_host_is_found_while_the_name_servers_of_many_others_are_silent() -> None:
    """Fairness: some accounts of one partner kept all others from opening a connection."""
    is_over = Event()

    def look_up(host: str, port: int) -> Found:
        if host != "mx.example.com":
            is_over.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (GOOD, port))]

    network = Network(ALLOWED, Lookups(look_up))
    with socket.create_server((GOOD, 0)) as server:
        port = server.getsockname()[1]
        dead = [asyncio.create_task(network.connect(f"mx{one}.dead.example", port, seconds=1)) for one in range(100)]
        with await network.connect("mx.example.com", port, seconds=1) as connected:
            assert connected.getpeername()[0] == GOOD
        assert {type(one) for one in await asyncio.gather(*dead, return_exceptions=True)} == {TimeoutError}
    is_over.set()
