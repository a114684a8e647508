"""A mail server that says word for word what a test wants, with or without PIPELINING, and remembers what it heard."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG_UP = "!"
"""At the end of a reply: close the connection behind it. Alone: instead of any."""
SILENCE = "..."
"""Instead of a reply: none, ever."""
DRIP = "~"
"""Before a reply: let it trickle, so slowly that nobody waits for its end."""
DRIP_SECONDS = 0.5


@dataclass
class Scripted:
    """`replies` by verb (`.` is the end of the content), for every command; a list is one for each, then the usual.

    Before it answers a verb of `held`, it waits for the event there.
    `busy` is the greeting for more than `most` connections at once; `delay` the seconds before each final answer.
    """

    replies: dict[str, str | list[str]] = field(default_factory=lambda: {})
    extensions: Sequence[str] = ("PIPELINING",)
    greeting: str = "220 ready"
    most: int = 1_000
    busy: str = "421 4.7.0 too many connections"
    delay: float = 0.0
    held: dict[str, asyncio.Event] = field(default_factory=lambda: {})
    port: int = 0
    heard: list[str] = field(default_factory=lambda: [])
    contents: list[bytes] = field(default_factory=lambda: [])
    open: int = 0

    def count(self, verb: str) -> int:
        """How often a command with this verb came."""
        return sum(_verb(line) == verb for line in self.heard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            if self.open > self.most:
                writer.write(f"{self.busy}\r\n".encode())
            else:
                await self._converse(reader, writer)
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{self.greeting}\r\n".encode())
        while line := (await reader.readline()).decode():
            self.heard.append(line.strip())
            verb = _verb(line)
            if verb in self.held:
                await self.held[verb].wait()
            reply = self._reply(verb)
            if not await self._say(writer, reply):
                return
            if reply.startswith("354") and not await self._content(reader, writer):
                return

    async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        content = bytearray()
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                return False
            content += line
        self.heard.append(".")
        await asyncio.sleep(self.delay)
        reply = self._reply(".") if content else "554 5.5.1 no valid recipients"
        if content and not reply.startswith(("4", "5")):
            self.contents.append(bytes(content))
        return await self._say(writer, reply)

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> bool:
        """False when the connection ends behind it."""
        said = reply.removesuffix(HANG_UP)
        if said.startswith(DRIP):
            for byte in said.removeprefix(DRIP).encode():
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIP_SECONDS)
        elif said and said != SILENCE:
            writer.write(f"{said}\r\n".encode("utf-8", "surrogateescape"))
        return not reply.endswith(HANG_UP)

    def _reply(self, verb: str) -> str:
        scripted = self.replies.get(verb)
        if isinstance(scripted, list):
            scripted = scripted.pop(0) if scripted else None
        return scripted or self._usual(verb)

    def _usual(self, verb: str) -> str:
        match verb:
            case "EHLO":
                names = ["scripted", *self.extensions]
                return "\r\n".join([*(f"250-{name}" for name in names[:-1]), f"250 {names[-1]}"])
            case "DATA":
                return "354 go on"
            case "QUIT":
                return f"221 bye{HANG_UP}"
            case "AUTH":
                return "235 2.7.0 welcome"
            case _:
                return "250 2.0.0 OK"


def _verb(line: str) -> str:
    """Empty for an empty line."""
    return line.partition(" ")[0].strip().upper()


@asynccontextmanager
async def listening(server: Scripted, port: int = 0) -> AsyncGenerator[Scripted]:
    """`server` on a free port of the loopback, or on this one."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", port)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()
