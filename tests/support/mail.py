"""An SMTP server that keeps what it gets and answers as it is told (aiosmtpd, in a thread of its own)."""

import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DROP = "drop the connection"


@dataclass
class Mail:
    """One accepted message."""

    sender: str
    recipients: list[str]
    content: bytes
    auth_user: str | None

    @property
    def message(self) -> EmailMessage:
        """The parsed message."""
        parsed = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])


@dataclass
class MailServer:
    """`received` in order of arrival; `answer(address, reply)` scripts RCPT, `answer_data(...)` the final dot.

    A list is one answer per attempt, after which mail is accepted; a single text answers every attempt.
    With `tls` it speaks TLS from the first byte.
    """

    port: int = 0
    tls: ssl.SSLContext | None = None
    received: list[Mail] = field(default_factory=lambda: [])
    attempts: dict[str, int] = field(default_factory=lambda: {})
    sign_ins_refused: int = 0
    _rcpt: dict[str, str | list[str]] = field(default_factory=lambda: {})
    _data: dict[str, str | list[str]] = field(default_factory=lambda: {})
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _controller: Any = None

    def start(self) -> None:
        """Listen on a free port of the loopback."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(
            _Handler(self),
            hostname="127.0.0.1",
            port=self.port,
            authenticator=self._authenticate,
            auth_require_tls=False,
            enable_SMTPUTF8=True,
            ssl_context=self.tls,
            timeout=60,
        )
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()

    def answer(self, address: str, reply: str | Sequence[str]) -> None:
        """Answer RCPT TO for `address` with `reply`."""
        self._rcpt[address] = reply if isinstance(reply, str) else list(reply)

    def answer_data(self, address: str, reply: str | Sequence[str]) -> None:
        """Answer the final dot of a mail to `address` with `reply`; `DROP` closes the connection instead."""
        self._data[address] = reply if isinstance(reply, str) else list(reply)

    def to(self, address: str) -> list[Mail]:
        """The accepted mails to `address`."""
        return [mail for mail in list(self.received) if address in mail.recipients]

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        if not isinstance(data, LoginPassword) or data.password == b"wrong":
            self.sign_ins_refused += 1
            return AuthResult(success=False, handled=False)
        session.login_data = data.login.decode()
        return AuthResult(success=True, auth_data=data.login.decode())

    def _scripted(self, script: dict[str, str | list[str]], address: str) -> str | None:
        with self._lock:
            answer = script.get(address)
            if isinstance(answer, list):
                return answer.pop(0) if answer else None
            return answer


def _drop(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self._server = server

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._server.attempts[address] = self._server.attempts.get(address, 0) + 1
        scripted = self._server._scripted(self._server._rcpt, address)  # pyright: ignore[reportPrivateUsage]
        if scripted == DROP:
            _drop(server)
        if scripted:
            return scripted
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        for address in envelope.rcpt_tos:
            scripted = self._server._scripted(self._server._data, address)  # pyright: ignore[reportPrivateUsage]
            if scripted == DROP:
                self._keep(session, envelope, content)
                _drop(server)
                return "421 4.3.0 gone"
            if scripted:
                return scripted
        self._keep(session, envelope, content)
        return f"250 2.0.0 OK: queued as {len(self._server.received)}"

    def _keep(self, session: Session, envelope: Envelope, content: bytes) -> None:
        user = str(session.auth_data) if session.auth_data else None
        self._server.received.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), content, user))
