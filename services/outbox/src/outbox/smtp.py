"""The SMTP transaction; it is ours because it is pipelined (RFC 2920). `connect.py` makes the connection.

MAIL, RCPT and DATA go out in one write, behind the content of the mail before, and the answers are read together. That,
and keeping the connection, is worth five times the throughput of asking one by one.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from common.errors import tried
from common.logs import error_code
from outbox.channels import Stale
from outbox.domain import Answer, Outcome, Stage, lost, not_made, understand
from outbox.faults import Disconnected, words_for
from outbox.mime import (
    Incomplete,
    Mail,
    ascii_address,
    attachments,
    compose,
    dot_stuffed,
    hash_of_body,
    message_id_header,
    size_of_attachments,
    stuffed_lines,
)
from outbox.replies import Replies

CLOSING = 421
EXTENSIONS = ("pipelining", "size", "smtputf8")
_CONTROL = re.compile(r"[\x00-\x1f\x7f<>]")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a mail server may take for an answer, and for the one to a mail's content: it may look at that for
    long, and whoever gives up before makes a copy (RFC 5321, 4.5.3.2.6)."""

    answer: float
    content: float


@dataclass(slots=True)
class Transaction:
    """A mail as it goes over one connection: the questions of its envelope, with what they are about and the class of
    answer that is hoped for, and its content up to the attachments. `is_asked`: the questions are under way already."""

    mail: Mail
    questions: tuple[tuple[Stage, int, bytes], ...]
    content: bytes
    is_asked: bool = False

    @property
    def envelope(self) -> bytes:
        return b"".join(question for _, _, question in self.questions)


def prepare(mail: Mail, extensions: Mapping[str, str]) -> Transaction | Answer:
    """The mail for a server with these extensions and what it says of each, or why it cannot be sent to it."""
    try:
        author, recipient = ascii_address(mail.from_address), ascii_address(mail.to_address)
    except UnicodeError:
        return Answer(Outcome.RECIPIENT_REFUSED, reply="the address has a domain that cannot be")
    sender = mail.return_path or author
    if _CONTROL.search(sender + recipient):
        return Answer(Outcome.RECIPIENT_REFUSED, reply="the address has characters that no address has")
    needs_utf8 = not (author + recipient).isascii()  # the author's is in the header, whoever the envelope is from
    if needs_utf8 and "smtputf8" not in extensions:
        who = Outcome.RECIPIENT_REFUSED if author.isascii() else Outcome.ACCOUNT_REFUSED
        return Answer(who, reply="the mail server does not take addresses that are not ASCII")
    content = tried(lambda: compose(mail))
    if isinstance(content, Exception):
        return not_made(error_code(content))
    options = " SMTPUTF8" if needs_utf8 else ""
    if "size" in extensions:
        size, most = len(content) + size_of_attachments(mail), extensions["size"]
        if most.isdecimal() and 0 < int(most) < size:
            return Answer(Outcome.MESSAGE_REFUSED, reply=f"it has {size} bytes, and the mail server takes {most}")
        options += f" SIZE={size}"
    questions = (
        (Stage.SENDER, 2, f"MAIL FROM:<{sender}>{options}\r\n".encode()),
        (Stage.RECIPIENT, 2, f"RCPT TO:<{recipient}>\r\n".encode()),
        (Stage.DATA, 3, b"DATA\r\n"),
    )
    return Transaction(mail, questions, content)


class Connection:
    """A connection that is signed in, for one mail after another."""

    def __init__(self, transport: asyncio.Transport, extensions: Mapping[str, str], patience: Patience) -> None:
        self._transport = transport
        self._replies = Replies(transport)
        self._extensions = extensions
        self._timeout, self._content_timeout = patience.answer, patience.content
        self._is_pipelined = "pipelining" in extensions
        self._is_new = True
        self._begun: Transaction | None = None
        transport.set_protocol(self._replies)

    @property
    def is_open(self) -> bool:
        """False too when the server said something that nobody asked: it is about to close (421)."""
        is_silent = self._begun is not None or not self._replies.unasked
        return self._replies.is_open and is_silent and not self._transport.is_closing()

    def close(self) -> None:
        """Say goodbye without waiting for the answer."""
        if self.is_open and self._begun is None:
            self._transport.write(b"QUIT\r\n")
        self._transport.close()

    async def check(self) -> Answer:
        """Whoever has this connection was let in."""
        return Answer(Outcome.SENT, reply="connected and signed in")

    async def send(self, mail: Mail, then: Mail | None = None) -> Answer:
        """One mail to one recipient. After a broken exchange the connection is closed.

        `then` is what will be sent over this connection next: where the server allows it, its envelope goes out behind
        the content of this one, and costs no turn of its own (RFC 2920, 3.1).

        Raises Stale when this kept connection had ended meanwhile: nothing was tried.
        """
        transaction = self._transaction_of(mail)
        if isinstance(transaction, Answer):
            return transaction
        stage = Stage.SENDER
        try:
            if refusal := await self._open(transaction):
                return refusal
            stage, content = Stage.DATA, dot_stuffed(transaction.content)
            if mail.attachments:
                await self._write_attachments(transaction)
                content = b".\r\n"
            self._ensure_open()
            stage = Stage.AFTER_CONTENT
            self._transport.write(content + self._begin(then))
            code, text = await self._replies.next(self._content_timeout)
            answer = understand(Stage.CONTENT, code, text)
            if code == CLOSING or answer.outcome is Outcome.UNKNOWN:
                self._transport.close()
            if answer.outcome is Outcome.SENT:
                return replace(answer, provider_id=message_id_header(mail.message_id, mail.from_address))
            return answer
        except (Disconnected, TimeoutError) as error:
            self._transport.abort()  # else what the server did not take would wait for it as long as it likes
            return lost(stage, f"the mail server {words_for(error)}")
        except Incomplete:
            return lost(stage, "an attachment cannot be read")

    async def _write_attachments(self, transaction: Transaction) -> None:
        """The content but for its end, a chunk at a time. Raises Disconnected, TimeoutError, Incomplete."""
        is_whole = False
        try:
            mail, content = transaction.mail, transaction.content
            if mail.signer:
                content = compose(mail, await hash_of_body(mail))
            self._tell(stuffed_lines(content))
            async for chunk in attachments(mail):
                self._tell(chunk)
                await self._replies.has_taken(self._timeout)
            is_whole = True
        finally:
            if not is_whole:  # nothing more may be said: it would be taken for content
                self._transport.abort()

    def _tell(self, data: bytes) -> None:
        """Raises Disconnected."""
        self._ensure_open()
        self._transport.write(data)

    def _ensure_open(self) -> None:
        """Raises Disconnected when what is written now would not leave."""
        if self._transport.is_closing():
            raise Disconnected

    def _transaction_of(self, mail: Mail) -> Transaction | Answer:
        """The mail as it goes over this connection, or why it cannot. Raises Stale when another is begun already."""
        begun, self._begun = self._begun, None
        if begun is None:
            return prepare(mail, self._extensions)
        if begun.mail is not mail:
            self._transport.close()
            raise Stale
        return begun

    def _begin(self, mail: Mail | None) -> bytes:
        """The envelope of the next mail, if it can go ahead."""
        transaction = prepare(mail, self._extensions) if mail and self._is_pipelined else None
        if not isinstance(transaction, Transaction):
            return b""
        self._begun, transaction.is_asked = transaction, True
        return transaction.envelope

    async def _open(self, transaction: Transaction) -> Answer | None:
        """Ask for MAIL, RCPT and DATA; None when the server waits for the content."""
        if self._is_pipelined and not transaction.is_asked:
            self._tell(transaction.envelope)
        for position, (stage, good, question) in enumerate(transaction.questions, 1):
            if not self._is_pipelined:
                self._tell(question)
            code, text = await (self._first_reply() if position == 1 else self._replies.next(self._timeout))
            if code // 100 != good:
                await self._withdraw(code, unread=len(transaction.questions) - position if self._is_pipelined else 0)
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
                self._tell(question)
                await self._replies.next(self._timeout)
        except (Disconnected, TimeoutError):
            self._transport.close()
