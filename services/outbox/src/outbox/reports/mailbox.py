"""The mailbox that bounces come to, where no mail server can hand them in: looked at now and then, over IMAP.

A mail is marked as read once it was worked off, so each is worked off at least once; twice changes nothing. Every call
waits for the server, and is meant for a thread of its own.
"""

import imaplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from outbox.reports.returned import READ_BYTES

MOST_AT_ONCE = 1_000
SEARCHED_AT_ONCE = 50_000
"""Mails: an answer about more may have a longer line than `imaplib` reads."""
TROUBLES = (imaplib.IMAP4.error, OSError)
"""What ends a visit. The next begins as if there had been none."""


class Visit:
    """An open mailbox of `count` mails. Everything raises one of TROUBLES."""

    def __init__(self, client: imaplib.IMAP4, count: int = 0) -> None:
        self._client = client
        self._count = count

    def unread(self) -> list[str]:
        """The mails that nobody worked off yet, the oldest first, so many as are done at once."""
        uids: list[str] = []
        for first in range(1, self._count + 1, SEARCHED_AT_ONCE):
            last = min(first + SEARCHED_AT_ONCE - 1, self._count)
            lines = _checked(self._client.uid("SEARCH", f"{first}:{last}", "UNSEEN"))
            uids += [uid for line in lines for uid in (line or b"").decode().split()]
            if len(uids) >= MOST_AT_ONCE:
                break
        return uids[:MOST_AT_ONCE]

    def read(self, uid: str) -> bytes:
        """The beginning of a mail, which stays unread; empty when it is gone."""
        parts = _checked(self._client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{READ_BYTES}>)"))
        return next((part[1] for part in parts if isinstance(part, tuple)), b"")

    def mark(self, uid: str) -> None:
        """It was worked off."""
        _checked(self._client.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))

    def end(self) -> None:
        with suppress(*TROUBLES):
            self._client.logout()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Where it is, and who asks. `tls` is `tls`, `starttls` or `none`; `timeout` are seconds for each answer."""

    host: str
    port: int
    tls: str
    username: str
    password: str = field(repr=False)
    folder: str
    timeout: float

    def open(self) -> Visit:
        """Raises one of TROUBLES."""
        client = self._connected()
        try:
            client.login(self.username, self.password)
            *_, count = _checked(client.select(f'"{self.folder}"'))
        except TROUBLES:
            Visit(client).end()
            raise
        return Visit(client, int(count or 0))

    def _connected(self) -> imaplib.IMAP4:
        if self.tls == "tls":
            context = ssl.create_default_context()
            return imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=self.timeout)
        client = imaplib.IMAP4(self.host, self.port, timeout=self.timeout)
        if self.tls == "starttls":
            client.starttls(ssl.create_default_context())
        return client


def _checked(answered: tuple[str, Sequence[Any]]) -> Sequence[Any]:
    """What the server gave. Raises `IMAP4.error` when it refused."""
    status, data = answered
    if status != "OK":
        raise imaplib.IMAP4.error("refused")
    return data
