"""An HTTP connection to an address that was checked (`connect.Network`), so that no name leads into the operator's
network. Redirects are not followed and no proxy is asked, for either could lead elsewhere."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, SupportsIndex
from urllib.parse import urlsplit

import httpcore

from outbox.connect import Network

MOST_ANSWER_BYTES = 64_000


async def open_stream(network: Network, url: str, seconds: float) -> "Stream":
    """A connection to the origin of `url`. Raises HostRefused, OSError, TimeoutError."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    connected = await network.connect(host, port, seconds)
    secured: Mapping[str, Any] = {}
    if parts.scheme == "https":
        secured = {"ssl": _tls(), "server_hostname": host, "ssl_handshake_timeout": seconds}
    loop, reader = asyncio.get_running_loop(), Reader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.create_connection(lambda: protocol, sock=connected, **secured)
    return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


def http_over(stream: "Stream", url: str) -> httpcore.AsyncHTTP11Connection:
    """For one request after another to the origin of `url`."""
    return httpcore.AsyncHTTP11Connection(httpcore.URL(url).origin, stream)


async def read_beginning(response: httpcore.Response, body: bytearray) -> None:
    """Put into `body` what comes, also if it breaks off. What is longer is cut, and its connection closed."""
    async for part in response.aiter_stream():
        body += part[: MOST_ANSWER_BYTES - len(body)]
        if len(body) == MOST_ANSWER_BYTES:
            break
    await response.aclose()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class Reader(asyncio.StreamReader):
    """One that knows how many bytes came which nobody read."""

    unread = 0

    def feed_data(self, data: Iterable[SupportsIndex]) -> None:
        self.unread += len(bytes(data))
        super().feed_data(data)

    async def read(self, n: int = -1) -> bytes:
        part = await super().read(n)
        self.unread -= len(part)
        return part


class Stream(httpcore.AsyncNetworkStream):
    """An open connection as httpcore wants it. Closing does not wait; its user has the clock."""

    def __init__(self, reader: Reader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  httpcore's name
        return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  httpcore's name
        self._writer.write(buffer)
        await self._writer.drain()

    async def aclose(self) -> None:
        self.close()

    def get_extra_info(self, info: str) -> Any:
        """Readable while nothing was asked: the gateway has closed it, or says what is no answer (RFC 9112, 9.2)."""
        is_over = self._reader.unread or self._reader.at_eof() or self._writer.is_closing()
        return is_over if info == "is_readable" else None

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Close it, though not all was taken of what was written."""
        self._writer.transport.abort()
