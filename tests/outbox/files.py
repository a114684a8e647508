"""A host that files are fetched from: it answers as a test says, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Files:
    """`answers` by path: status, type and bytes; what is not there is answered with 404."""

    origin: str = ""
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=lambda: {})
    asked: list[str] = field(default_factory=lambda: [])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).decode().split()[1]
        self.asked.append(path)
        status, kind, content = self.answers.get(path.partition("?")[0], (404, "text/plain", b""))
        head = f"HTTP/1.1 {status} said\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        writer.close()


@asynccontextmanager
async def files() -> AsyncGenerator[Files]:
    """The host, on a free port of the loopback."""
    host = Files()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield host
    server.close()
