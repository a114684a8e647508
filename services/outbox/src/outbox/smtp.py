"""SMTP: aiosmtplib connects, secures and signs in; the transaction itself is ours, because it is pipelined.

RFC 2920: MAIL, RCPT and DATA go out in one write and their three answers are read together. That, and keeping the
connection, is worth five times the throughput of asking one by one.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections import deque
from functools import cache
from typing import cast

import aiosmtplib
from aiosmtplib.errors import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from outbox.domain import Account, Answer, HostRefused, Outcome, Stage, lost, understand
from outbox.mime import Mail, ascii_address, compose, dot_stuffed

MOST_REPLY_BYTES = 64_000
CLOSING = 421
EXTENSIONS = ("pipelining", "size", "smtputf8")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_CONTROL = re.compile(r"[\x00-\x1f\x7f<>]")


class Disconnected(Exception):
    """The server closed the connection, or said what is no SMTP."""


class Stale(Exception):
    """A kept connection had ended before anything was said over it; a new one will do."""


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

    @property
    def unasked(self) -> bool:
        """True when the server said more than it was asked."""
        return bool(self._arrived)

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
            loop = asyncio.get_running_loop()
            patience = loop.call_later(seconds, self._give_up)  # a third of the cost of `asyncio.timeout`
            try:
                while not self._arrived:
                    if not self.is_open:
                        raise Disconnected
                    self._waiter = loop.create_future()
                    await self._waiter
            finally:
                patience.cancel()
        return self._arrived.popleft()

    def _give_up(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _take(self, line: str) -> None:
        if not line[:3].isdecimal():
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

    def __init__(self, transport: asyncio.Transport, extensions: frozenset[str], seconds: float) -> None:
        self._transport = transport
        self._replies = Replies()
        self._extensions = extensions
        self._timeout = seconds
        self._is_new = True
        transport.set_protocol(self._replies)

    @property
    def is_open(self) -> bool:
        """False too when the server said something that nobody asked: it is about to close (421)."""
        return self._replies.is_open and not self._replies.unasked and not self._transport.is_closing()

    def close(self) -> None:
        """Say goodbye without waiting for the answer."""
        if self.is_open:
            self._transport.write(b"QUIT\r\n")
        self._transport.close()

    async def send(self, mail: Mail) -> Answer:
        """One mail to one recipient. After a broken exchange the connection is closed.

        Raises Stale when this kept connection had ended meanwhile: nothing was tried.
        """
        try:
            sender, recipient = ascii_address(mail.from_address), ascii_address(mail.to_address)
        except UnicodeError:
            return Answer(Outcome.RECIPIENT_REFUSED, reply="the address has a domain that cannot be")
        if _CONTROL.search(sender + recipient):
            return Answer(Outcome.RECIPIENT_REFUSED, reply="the address has characters that no address has")
        needs_utf8 = not (sender + recipient).isascii()
        if needs_utf8 and "smtputf8" not in self._extensions:
            return Answer(Outcome.RECIPIENT_REFUSED, reply="the mail server does not take addresses that are not ASCII")
        content = compose(mail)
        options = " SMTPUTF8" if needs_utf8 else ""
        if "size" in self._extensions:
            options += f" SIZE={len(content)}"
        stage = Stage.SENDER
        try:
            if refusal := await self._envelope(sender, recipient, options):
                return refusal
            stage = Stage.AFTER_CONTENT
            self._transport.write(dot_stuffed(content))
            code, text = await self._replies.next(self._timeout)
            if code == CLOSING:
                self._transport.close()
            return understand(Stage.CONTENT, code, text)
        except (Disconnected, TimeoutError) as error:
            self._transport.close()
            return lost(stage, f"the mail server {_words(error)}")

    async def _envelope(self, sender: str, recipient: str, options: str) -> Answer | None:
        """Ask for MAIL, RCPT and DATA; None when the server waits for the content."""
        questions = [
            (Stage.SENDER, 2, f"MAIL FROM:<{sender}>{options}\r\n"),
            (Stage.RECIPIENT, 2, f"RCPT TO:<{recipient}>\r\n"),
            (Stage.DATA, 3, "DATA\r\n"),
        ]
        is_pipelined = "pipelining" in self._extensions
        if is_pipelined:
            self._transport.write("".join(text for _, _, text in questions).encode())
        for position, (stage, good, question) in enumerate(questions, 1):
            if not is_pipelined:
                self._transport.write(question.encode())
            code, text = await (self._first_reply() if position == 1 else self._replies.next(self._timeout))
            if code // 100 != good:
                await self._withdraw(code, unread=len(questions) - position if is_pipelined else 0)
                return understand(stage, code, text)
        return None

    async def _first_reply(self) -> tuple[int, str]:
        """Raises Stale when a connection that was used before ends here: it did so before the question arrived."""
        was_new, self._is_new = self._is_new, False
        try:
            code, text = await self._replies.next(self._timeout)
        except Disconnected:
            if was_new:
                raise
            raise Stale from None
        if code == CLOSING and not was_new:
            self._transport.close()
            raise Stale
        return code, text

    async def _withdraw(self, code: int, unread: int) -> None:
        """Leave the connection as new after a refusal, or closed when the server hangs up: the refusal stands.

        A server that refused the recipient may still have said 354 to the DATA behind it: it then gets a lone dot,
        which it must refuse, having nobody to send it to (RFC 2920, 3.1).
        """
        if code == CLOSING:
            self._transport.close()
            return
        try:
            for _ in range(unread):
                code, _ = await self._replies.next(self._timeout)
            for question in [b".\r\n", b"RSET\r\n"] if code // 100 == 3 else [b"RSET\r\n"]:
                self._transport.write(question)
                await self._replies.next(self._timeout)
        except (Disconnected, TimeoutError):
            self._transport.close()


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
            addresses = [one for one in found if self._may_reach(host, str(one[4][0]))]
            if not addresses:
                raise HostRefused(f"{host} is inside the operator's network")
            trouble: OSError | None = None
            for family, kind, protocol, _, address in addresses:
                connected = socket.socket(family, kind, protocol)
                connected.setblocking(False)
                try:
                    await loop.sock_connect(connected, address)
                except asyncio.CancelledError:
                    connected.close()
                    raise
                except OSError as error:
                    connected.close()
                    trouble = error
                    continue
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connected
            raise trouble or OSError

    def _may_reach(self, host: str, address: str) -> bool:
        return is_public(address.partition("%")[0]) or not self._allowed.isdisjoint((host, address))


def is_public(address: str) -> bool:
    """True for an address of the open internet; one that wraps an IPv4 address is judged by what is inside."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in NAT64 else None
        found = found.ipv4_mapped or found.sixtofour or inside or found
    return found.is_global and not found.is_multicast


@cache
def own_name() -> str:
    """What we call ourselves in EHLO; looked up once, which can take as long as a whole delivery."""
    return socket.getfqdn()


async def connect(account: Account, password: str | None, network: Network, seconds: float) -> Connection:
    """A connection that is secured and signed in as the account says. Raises Refused with what the server said."""
    stage = Stage.CONNECT
    client: aiosmtplib.SMTP | None = None
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
        extensions = frozenset(name for name in EXTENSIONS if client.supports_extension(name))
        return Connection(cast(asyncio.Transport, client.transport), extensions, seconds)
    except HostRefused as error:
        answer = Answer(Outcome.ACCOUNT_REFUSED, reply=error.words)
    except SMTPResponseException as error:
        answer = understand(stage, error.code, error.message)
    except (SMTPException, OSError, TimeoutError, ValueError) as error:
        answer = lost(stage, f"{account.host} {_words(error)}")
    if client is not None:
        client.close()
    raise Refused(answer)


def _words(error: BaseException) -> str:
    """What happened, for the owner of the account: never the error's own text, which may name what is inside."""
    causes = (error, error.__cause__, error.__context__)
    known = (words for kind, words in WORDS.items() if any(isinstance(one, kind) for one in causes))
    return next(known, f"could not be used: {type(error).__name__}")


WORDS: dict[type[BaseException], str] = {
    ssl.SSLCertVerificationError: "has a certificate that is not valid for it",
    ssl.SSLError: "does not speak TLS as the account expects",
    ConnectionRefusedError: "does not answer at this port",
    TimeoutError: "did not answer in time",
    SMTPTimeoutError: "did not answer in time",
    Disconnected: "closed the connection",
    SMTPServerDisconnected: "closed the connection",
    SMTPConnectError: "does not speak SMTP as the account expects",
    SMTPException: "does not offer what the account asks for: STARTTLS, or a way to sign in",
}
