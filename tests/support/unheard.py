"""A way to the database on which something that is said gets no answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Unheard:
    """Whoever says `said` hears nothing more over that connection, up to `times` times. `arrives`: the database heard
    it; otherwise the connection ends before."""

    to_url: str
    said: bytes
    arrives: bool
    times: int
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = urlsplit(self.to_url)
        from_mongo, to_mongo = await asyncio.open_connection(there.hostname, there.port)
        hears = True

        async def ask() -> None:
            nonlocal hears
            while piece := await reader.read(1_000_000):
                if self.said in piece and self.times:
                    self.times -= 1
                    hears = False
                    if not self.arrives:
                        break
                to_mongo.write(piece)
            to_mongo.close()

        async def answer() -> None:
            while piece := await from_mongo.read(1_000_000):
                if hears:
                    writer.write(piece)
            writer.close()

        with suppress(ConnectionError):
            await asyncio.gather(ask(), answer())


@asynccontextmanager
async def unheard(to_url: str, said: bytes, *, arrives: bool, times: int = 1_000) -> AsyncGenerator[Unheard]:
    """It, on a free port of the loopback."""
    way = Unheard(to_url, said, arrives, times)
    listener = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.url = f"mongodb://127.0.0.1:{listener.sockets[0].getsockname()[1]}/?directConnection=true"
    yield way
    listener.close()
