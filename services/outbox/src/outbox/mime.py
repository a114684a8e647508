"""The bytes of a mail.

Written straight: building `email.message` objects costs a millisecond each, several times what the rest does.
No value can add a header: control characters are taken out, and what is not ASCII is encoded (RFC 2047).
"""

import base64
import re
import time
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from urllib.parse import quote

import idna

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'(["\\])')
_ENCODED_BYTES = 42
"""Bytes in one RFC 2047 word: encoded they stay below its limit of 75 characters."""
LONGEST_LINE = 900
LONGEST_URL = 998 - len("List-Unsubscribe: <>")
"""No line may have more than 998 characters (RFC 5322, 2.1.1)."""
_OF_URLS = "!#$%&'()*+,/:;=?@[]"


@dataclass(frozen=True, slots=True)
class Mail:
    """What goes into a mail."""

    message_id: str
    from_address: str
    from_name: str
    to_address: str
    to_name: str
    subject: str
    text: str
    html: str
    unsubscribe_url: str = ""


def compose(mail: Mail) -> bytes:
    """The mail as it goes over the wire, lines ended by CRLF, not yet dot-stuffed.

    The same `message_id` gives the same Message-ID, on every attempt.
    """
    boundary = f"=_{mail.message_id}"
    head = [
        f"From: {_mailbox(mail.from_name, mail.from_address)}",
        f"To: {_mailbox(mail.to_name, mail.to_address)}",
        f"Subject: {_unstructured(mail.subject)}",
        f"Date: {_date(int(time.time()))}",
        f"Message-ID: {message_id_header(mail.message_id, mail.from_address)}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",
        *_unsubscribing(mail.unsubscribe_url),
    ]
    if not mail.html:
        return ("\r\n".join(head) + "\r\n" + _part("plain", mail.text)).encode()
    head.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
    parts = [f"--{boundary}\r\n{_part(kind, body)}" for kind, body in (("plain", mail.text), ("html", mail.html))]
    return "\r\n".join([*head, "", *parts, f"--{boundary}--", ""]).encode()


def message_id_header(message_id: str, from_address: str) -> str:
    """The Message-ID of a message: the same for every attempt."""
    return f"<{message_id}@{ascii_address(from_address).rpartition('@')[2]}>"


def ascii_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA), so that any mail server takes it."""
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{idna.encode(domain, uts46=True).decode()}"


def dot_stuffed(content: bytes) -> bytes:
    """The content as DATA wants it: dots at the start of a line doubled, ended by a lone dot (RFC 5321, 4.5.2)."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def _unsubscribing(url: str) -> list[str]:
    """How a mail program unsubscribes by itself (RFC 8058). Nothing for a URL that no header may hold."""
    # Whatever could end the URL or the line is percent-encoded. It is not folded: not every reader undoes that.
    url = quote(url, safe=_OF_URLS)
    if not url or len(url) > LONGEST_URL:
        return []
    return [f"List-Unsubscribe: <{url}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second)


def _part(kind: str, body: str) -> str:
    body = _LINE_END.sub("\r\n", body)
    if body.isascii() and "\x00" not in body and max(map(len, body.split("\r\n"))) <= LONGEST_LINE:
        return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n{body}"
    encoded = base64.encodebytes(body.encode()).decode().replace("\n", "\r\n")
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"


def _mailbox(name: str, address: str) -> str:
    address = _CONTROL.sub("", ascii_address(address))
    name = _CONTROL.sub(" ", name).strip()
    if not name:
        return address if address.isascii() else f"<{address}>"
    return f"{_encoded(name) if not name.isascii() else _quoted(name)} <{address}>"


def _quoted(name: str) -> str:
    return '"' + _QUOTED.sub(r"\\\1", name) + '"'


def _unstructured(text: str) -> str:
    text = _CONTROL.sub(" ", text).strip()
    return text if text.isascii() and len(text) <= LONGEST_LINE and "=?" not in text else _encoded(text)


def _encoded(text: str) -> str:
    """RFC 2047 words, folded, never split within a character."""
    words: list[str] = []
    chunk = b""
    for character in text:
        encoded = character.encode()
        if len(chunk) + len(encoded) > _ENCODED_BYTES:
            words.append(base64.b64encode(chunk).decode())
            chunk = b""
        chunk += encoded
    words.append(base64.b64encode(chunk).decode())
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)
