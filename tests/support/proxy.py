"""A TCP proxy that spoils what goes through it, as a bad network does."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum


class Spoilt(StrEnum):
    """What happens to a connection after some bytes."""

    CUT = "cut"
    """Both ends see it closed."""
    MUTE = "half-closed"
    """What the server says does not arrive any more; what it hears still does."""
    SLOW = "delayed"
    """Every further piece comes late."""


@dataclass
class Proxy:
    """Every second connection is spoilt after some of its first bytes, by chance, until `heals`."""

    to_port: int
    spoilt: Spoilt
    port: int = 0
    bytes_before: int = 4_000
    late: float = 0.2
    heals: bool = False
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
        except OSError:
            writer.close()
            return
        good_for = random.randrange(self.bytes_before) if self.connections % 2 and not self.heals else None
        ways = (self._pass_on(reader, to_writer, None), self._pass_on(to_reader, writer, good_for))
        tasks = [asyncio.create_task(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, to_writer):
            end.close()
        for task in tasks:
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, good_for: int | None) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(4_096):
                if good_for is not None:
                    good_for -= len(piece)
                if good_for is None or good_for > 0:
                    writer.write(piece)
                elif self.spoilt is Spoilt.CUT:
                    return
                elif self.spoilt is Spoilt.SLOW:
                    await asyncio.sleep(self.late)
                    writer.write(piece)
                await writer.drain()


@asynccontextmanager
async def spoiling(to_port: int, spoilt: Spoilt) -> AsyncGenerator[Proxy]:
    """A proxy on a free port of the loopback."""
    proxy = Proxy(to_port, spoilt)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    yield proxy
    listener.close()
