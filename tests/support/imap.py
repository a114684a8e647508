"""A mailbox over IMAP that a test fills: as much of the protocol as a program needs that reads what is new."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class MailboxServer:
    """`mails` have their place, from 1, as UID; `seen` are those that were marked. `drop_before` is a command at which
    the connection is closed, once. `starttls` is what it secures connections with that ask for it."""

    password: str = "right"
    starttls: ssl.SSLContext | None = None
    port: int = 0
    mails: list[bytes] = field(default_factory=lambda: [])
    seen: set[int] = field(default_factory=lambda: set())
    fetched: list[int] = field(default_factory=lambda: [])
    logins: int = 0
    drop_before: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        writer.write(b"* OK ready\r\n")
        with suppress(OSError):  # a client that does not trust us hangs up
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode().strip():
            tag, _, command = line.partition(" ")
            if self.drop_before and command.startswith(self.drop_before):
                self.drop_before = ""
                break
            writer.write(self._answer(command) + f"{tag} {self._verdict(command)} done\r\n".encode())
            await writer.drain()
            if command == "LOGOUT":
                break
            if command == "STARTTLS" and self.starttls:
                await writer.start_tls(self.starttls)

    def _verdict(self, command: str) -> str:
        if not command.startswith("LOGIN"):
            return "OK"
        self.logins += 1
        return "OK" if command.endswith(f'"{self.password}"') else "NO"

    def _answer(self, command: str) -> bytes:
        if command == "CAPABILITY":
            return b"* CAPABILITY IMAP4rev1" + (b" STARTTLS" if self.starttls else b"") + b"\r\n"
        if found := re.match(r"UID SEARCH (?:(\d+):(\d+) )?UNSEEN", command):
            first, last = int(found.group(1) or 1), int(found.group(2) or len(self.mails))
            new = [str(uid) for uid in range(first, last + 1) if uid not in self.seen]
            return f"* SEARCH {' '.join(new)}\r\n".encode()
        if found := re.match(r"UID FETCH (\d+) .*<0\.(\d+)>", command):
            uid, most = int(found.group(1)), int(found.group(2))
            self.fetched.append(uid)
            part = self.mails[uid - 1][:most]
            return f"* {uid} FETCH (UID {uid} BODY[]<0> {{{len(part)}}}\r\n".encode() + part + b")\r\n"
        if found := re.match(r"UID STORE (\d+) \+FLAGS\.SILENT \(\\Seen\)", command):
            self.seen.add(int(found.group(1)))
        return f"* {len(self.mails)} EXISTS\r\n".encode() if command.startswith("SELECT") else b""


@asynccontextmanager
async def mailbox_server(
    *, tls: ssl.SSLContext | None = None, starttls: ssl.SSLContext | None = None
) -> AsyncGenerator[MailboxServer]:
    """One on a free port of the loopback. With `tls` it speaks TLS from the first byte."""
    mailbox = MailboxServer(starttls=starttls)
    server = await asyncio.start_server(mailbox.serve, "127.0.0.1", 0, ssl=tls)
    mailbox.port = server.sockets[0].getsockname()[1]
    yield mailbox
    server.close()
