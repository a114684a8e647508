"""SMTP: aiosmtplib connects, secures and signs in; the transaction itself is ours, because it is pipelined.

RFC 2920: MAIL, RCPT and DATA go out in one write and their three answers are read together. That, and keeping the
connection, is worth five times the throughput of asking one by one.
"""

import asyncio
import ipaddress
import re
import socket
from collections import deque
from functools import cache
from typing import cast

import aiosmtplib
from aiosmtplib.errors import SMTPAuthenticationError, SMTPException, SMTPResponseException

from outbox.domain import Account, Answer, HostRefused, Outcome, Stage, lost, understand
from outbox.mime import ascii_address, dot_stuffed

MOST_REPLY_BYTES = 64_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f<>]")


class Disconnected(Exception):
    """The server closed the connection, or said what is no SMTP."""


class Refused(Exception):
    """No usable connection came about; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.outcome)
        self.answer = answer


class Replies(asyncio.Protocol):
    """Answers of a mail server, in the order of the questions."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[str] = []
        self._arrived: deque[tuple[int, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            self._take(line.rstrip(b"\r").decode("utf-8", "replace"))
        if len(self._buffer) > MOST_REPLY_BYTES or len(self._lines) > MOST_REPLY_BYTES // 80:
            self.is_open = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._wake()

    async def next(self, seconds: float) -> tuple[int, str]:
        """Code and text of the next answer. Raises Disconnected, TimeoutError."""
        if not self._arrived:  # of pipelined answers the later ones are mostly there already
            async with asyncio.timeout(seconds):
                while not self._arrived:
                    if not self.is_open:
                        raise Disconnected
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        return self._arrived.popleft()

    def _take(self, line: str) -> None:
        if not line[:3].isdigit():
            self.is_open = False
            return
        self._lines.append(line[4:])
        if line[3:4] != "-":
            self._arrived.append((int(line[:3]), " ".join(self._lines)))
            self._lines = []

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection:
    """A connection that is signed in, for one mail after another."""

    def __init__(self, transport: asyncio.Transport, pipelining: bool, utf8: bool, seconds: float) -> None:
        self._transport = transport
        self._replies = Replies()
        self._pipelining = pipelining
        self._utf8 = utf8
        self._timeout = seconds
        transport.set_protocol(self._replies)

    @property
    def is_open(self) -> bool:
        return self._replies.is_open and not self._transport.is_closing()

    def close(self) -> None:
        """Say goodbye without waiting for the answer."""
        if self.is_open:
            self._transport.write(b"QUIT\r\n")
        self._transport.close()

    async def send(self, sender: str, recipient: str, content: bytes) -> Answer:
        """One mail to one recipient. Always answers; after a broken exchange the connection is closed."""
        sender, recipient = ascii_address(sender), ascii_address(recipient)
        if _CONTROL.search(sender + recipient):
            return Answer(Outcome.RECIPIENT_REFUSED, reply="the address has characters that no address has")
        needs_utf8 = not (sender + recipient).isascii()
        if needs_utf8 and not self._utf8:
            return Answer(Outcome.RECIPIENT_REFUSED, reply="the mail server does not take addresses that are not ASCII")
        stage = Stage.SENDER
        try:
            answer = await self._envelope(sender, recipient, " SMTPUTF8" if needs_utf8 else "")
            if answer is not None:
                return answer
            stage = Stage.AFTER_CONTENT
            self._transport.write(dot_stuffed(content))
            code, text = await self._replies.next(self._timeout)
            if code == 421:
                self._transport.close()
            return understand(Stage.CONTENT, code, text)
        except (Disconnected, TimeoutError) as error:
            self._transport.close()
            silent = "did not answer in time" if isinstance(error, TimeoutError) else "closed the connection"
            return lost(stage, f"the mail server {silent}")

    async def _envelope(self, sender: str, recipient: str, options: str) -> Answer | None:
        """Ask for MAIL, RCPT and DATA; None when the server waits for the content."""
        questions = [
            (Stage.SENDER, f"MAIL FROM:<{sender}>{options}\r\n"),
            (Stage.RECIPIENT, f"RCPT TO:<{recipient}>\r\n"),
            (Stage.CONTENT, "DATA\r\n"),
        ]
        if self._pipelining:
            self._transport.write("".join(text for _, text in questions).encode())
        refusal: Answer | None = None
        code = 0
        for stage, question in questions:
            if not self._pipelining:
                if refusal is not None:
                    break
                self._transport.write(question.encode())
            code, text = await self._replies.next(self._timeout)
            if refusal is None and code not in (250, 251, 354):
                refusal = understand(stage, code, text)
        if refusal is not None:
            await self._withdraw(waits_for_content=self._pipelining and code == 354)
        return refusal

    async def _withdraw(self, waits_for_content: bool) -> None:
        """Leave the connection as new after a refusal.

        A server that refused the recipient may still have said 354 to the DATA behind it: it then gets a lone dot,
        which it must refuse, having nobody to send it to (RFC 2920, 3.1).
        """
        if not self.is_open:
            return
        questions = [b".\r\n"] if waits_for_content else []
        for question in [*questions, b"RSET\r\n"]:
            self._transport.write(question)
            await self._replies.next(self._timeout)


class Network:
    """Which hosts accounts may reach: never the operator's inner network, unless he allows it."""

    def __init__(self, allowed_inner: frozenset[str]) -> None:
        self._allowed = allowed_inner

    async def connect(self, host: str, port: int, seconds: float) -> socket.socket:
        """A connected socket to an address that was checked, and is not looked up again.

        Raises HostRefused, OSError, TimeoutError.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(seconds):
            try:
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except socket.gaierror:
                raise HostRefused(f"there is no host {host}") from None
            usable = [one for one in found if self._may_reach(host, str(one[4][0]))]
            if not usable:
                raise HostRefused(f"{host} is inside the operator's network")
            family, kind, protocol, _, address = usable[0]
            connected = socket.socket(family, kind, protocol)
            connected.setblocking(False)
            try:
                await loop.sock_connect(connected, address)
            except (OSError, asyncio.CancelledError):
                connected.close()
                raise
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected

    def _may_reach(self, host: str, address: str) -> bool:
        return ipaddress.ip_address(address.partition("%")[0]).is_global or not self._allowed.isdisjoint(
            (host, address)
        )


@cache
def own_name() -> str:
    """What we call ourselves in EHLO; looked up once, which can take as long as a whole delivery."""
    return socket.getfqdn()


async def connect(account: Account, password: str | None, network: Network, seconds: float) -> Connection:
    """A connection that is secured and signed in as the account says. Raises Refused with what the server said."""
    stage = Stage.CONNECT
    try:
        connected = await network.connect(account.host, account.port, seconds)
        client = aiosmtplib.SMTP(
            hostname=account.host, sock=connected, timeout=seconds, local_hostname=await asyncio.to_thread(own_name),
            use_tls=account.tls == "tls", start_tls=account.tls == "starttls",
        )  # fmt: skip
        await client.connect()
        await client.ehlo()
        if account.username:
            stage = Stage.SIGN_IN
            await client.login(account.username, password or "")
    except HostRefused as error:
        raise Refused(Answer(Outcome.ACCOUNT_REFUSED, reply=error.words)) from None
    except (SMTPAuthenticationError, SMTPResponseException) as error:
        raise Refused(understand(stage, error.code, error.message)) from None
    except (SMTPException, OSError, TimeoutError, ValueError) as error:
        raise Refused(lost(stage, f"{account.host} could not be reached: {type(error).__name__}")) from None
    return Connection(
        cast(asyncio.Transport, client.transport),
        client.supports_extension("pipelining"),
        client.supports_extension("smtputf8"),
        seconds,
    )
