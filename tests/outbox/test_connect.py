"""Reaching a host: one that has several addresses (RFC 5321, 5.1), and one beside many that nobody finds."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from threading import Event

import pytest

from outbox import connect as smtp
from outbox import gateways
from outbox.connect import Network
from outbox.domain import Answer, Outcome
from outbox.lookups import Found, Lookups
from outbox.mime import Mail
from outbox.smtp import Patience
from outbox.via import HttpGateway, Smtp
from tests.support.eventually import eventually

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


Send = Callable[[int, Mail], Awaitable[Answer]]


async def by_mail_server(port: int, mail: Mail) -> Answer:
    connection = await smtp.connect(Smtp(GOOD, port, "none", None), None, Network(ALLOWED), Patience(5, 0.3))
    return await connection.send(mail)


async def by_gateway(port: int, mail: Mail) -> Answer:
    via = HttpGateway(f"http://{GOOD}:{port}", '{"to": "{to}", "text": "{text}"}', None, None, None)
    connection = await gateways.connect(via, "sms", None, gateways.Rules(Network(ALLOWED), 0.3, 60), "")
    return await connection.send(mail)


@pytest.mark.parametrize("send", [by_mail_server, by_gateway])
async def test_what_was_not_taken_in_time_does_not_wait_for_it(send: Send) -> None:
    """B10: with its connection it stayed in memory as long as the other side liked, and left after we had given up."""
    given_up, taken = asyncio.Event(), asyncio.Queue[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A mail server up to the content; of a gateway nothing."""
        writer.write(b"220 ready\r\n" if send is by_mail_server else b"")
        while send is by_mail_server and (line := await reader.readline()):
            writer.write({b"EHLO": b"250 hello\r\n", b"DATA": b"354 go on\r\n"}.get(line[:4], b"250 OK\r\n"))
            if line[:4] == b"DATA":
                break
        await given_up.wait()
        size = 0
        with suppress(ConnectionError):
            while part := await reader.read(1_000_000):
                size += len(part)
        taken.put_nowait(size)
        writer.close()

    text = "x" * 10_000_000
    mail = Mail("m-1", "shop@kettle.example", "", "ann@x.example", "", "New order", text, "")
    server = await asyncio.start_server(serve, GOOD, 0)
    answer = await send(server.sockets[0].getsockname()[1], mail)
    assert answer.outcome is Outcome.UNKNOWN
    given_up.set()
    assert await taken.get() < len(text)
    server.close()


async def test_what_a_gateway_says_unasked_is_no_answer_to_the_next_text() -> None:
    """RFC 9112, 9.2: such as that it has waited for long enough."""
    said = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}")
        await said.wait()
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, GOOD, 0)
    via = HttpGateway(f"http://{GOOD}:{server.sockets[0].getsockname()[1]}", '{"to": "{to}"}', None, None, None)
    connection = await gateways.connect(via, "sms", None, gateways.Rules(Network(ALLOWED), 1, 60), "")
    text = Mail("m-1", "shop", "", "+48500600700", "", "", "New order", "")
    assert (await connection.send(text)).outcome is Outcome.SENT
    assert connection.is_open
    said.set()
    await eventually(lambda: not connection.is_open)
    server.close()
