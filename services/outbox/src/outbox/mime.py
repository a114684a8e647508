"""The bytes of a mail: what it says, and then its attachments, a chunk at a time.

Written straight: building `email.message` objects costs a millisecond each, several times what the rest does.
No value can add a header: control characters are taken out, and what is not ASCII is encoded (RFC 2047).
"""

import base64
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from hashlib import sha256
from urllib.parse import quote

import idna

from outbox.dkim import LONGEST_SIGNATURE, Signer, trimmed

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'(["\\])')
_ENCODED_BYTES = 42
"""Bytes in one RFC 2047 word: encoded they stay below its limit of 75 characters."""
LONGEST_PLAIN_NAME = 60
LINE_BYTES = 57
"""Bytes in a line of base64."""
_PERCENT_PART = re.compile(r"(?:%[0-9A-F]{2}|.){1,20}")
"""A part of a percent-encoded text that does not end within a byte, and fits a line."""
LONGEST_LINE = 900
LONGEST_QUOTED = 250
"""Characters of a name: quoted they may be twice as many, and an address stands behind them."""
LONGEST_URL = 998 - len("List-Unsubscribe: <>")
"""No line may have more than 998 characters (RFC 5322, 2.1.1)."""
_OF_URLS = "!#$%&'()*+,/:;=?@[]"


class Incomplete(Exception):
    """An attachment has not the bytes that it should have: the mail cannot be finished."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """An attachment. `read` gives its `size` bytes in chunks, each but the last of whole lines of 57 bytes."""

    name: str
    type: str
    size: int
    read: Callable[[], AsyncIterator[bytes]]


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
    attachments: tuple[Enclosed, ...] = ()
    signer: Signer | None = None
    return_path: str = ""
    """Whom the envelope is from, if that is somebody else than the mail."""
    key: str = ""
    """By which a gateway knows a repeated message."""


def compose(mail: Mail, body_hash: bytes | None = None) -> bytes:
    """The mail as it goes over the wire, lines ended by CRLF, not yet dot-stuffed; its attachments follow behind.

    The same `message_id` gives the same Message-ID, on every attempt. Where attachments follow it is signed only if
    `body_hash` is given.
    """
    content = "\r\n".join([*_head(mail), _body(mail)])
    if mail.signer is None or (mail.attachments and body_hash is None):
        return content.encode()
    header, _, body = content.partition("\r\n\r\n")
    signature = mail.signer.sign(header, body_hash or sha256(trimmed(body.encode())).digest())
    return f"{signature}\r\n{content}".encode()


async def hash_of_body(mail: Mail) -> bytes:
    """What a signature needs to know of a mail with attachments: they are read once more for it. Raises Incomplete."""
    digest = sha256(compose(mail).partition(b"\r\n\r\n")[2])
    async for part in attachments(mail):
        digest.update(part)
    return digest.digest()


def size_of_attachments(mail: Mail) -> int:
    """How many bytes follow what `compose` gives, at most."""
    if not mail.attachments:
        return 0
    signature = LONGEST_SIGNATURE if mail.signer else 0
    encoded = sum(4 * -(-one.size // 3) + 2 * -(-one.size // LINE_BYTES) for one in mail.attachments)
    return signature + encoded + sum(len(part) for part in _around(mail))


async def attachments(mail: Mail) -> AsyncIterator[bytes]:
    """What follows: each attachment, and the end. Raises Incomplete."""
    *before, end = _around(mail)
    for one, head in zip(mail.attachments, before, strict=True):
        yield head
        size = 0
        async for chunk in one.read():
            size += len(chunk)
            yield base64.encodebytes(chunk).replace(b"\n", b"\r\n")
        if size != one.size:
            raise Incomplete
    yield end


def _around(mail: Mail) -> list[bytes]:
    """What stands before each attachment, and at the end."""
    boundary = _outer(mail)
    return [f"\r\n--{boundary}\r\n{_enclosing(one)}".encode() for one in mail.attachments] + [
        f"\r\n--{boundary}--\r\n".encode()
    ]


def _enclosing(one: Enclosed) -> str:
    return "\r\n".join(
        [
            f"Content-Type: {one.type}",
            f"Content-Disposition: attachment;{_file_name(one.name)}",
            "Content-Transfer-Encoding: base64",
            "\r\n",
        ]
    )


def _file_name(name: str) -> str:
    """The parameter: as it is, or encoded and, being long then, in parts of a line each (RFC 2231)."""
    name = _CONTROL.sub(" ", name)
    if name.isascii() and len(name) <= LONGEST_PLAIN_NAME:
        return f" filename={_quoted(name)}"
    parts = _PERCENT_PART.findall(f"utf-8''{quote(name, safe='')}")
    if len(parts) == 1:
        return f"\r\n filename*={parts[0]}"
    return ";".join(f"\r\n filename*{number}*={part}" for number, part in enumerate(parts))


def _outer(mail: Mail) -> str:
    return f"=a_{mail.message_id}"


def _head(mail: Mail) -> list[str]:
    return [
        f"From: {_mailbox(mail.from_name, mail.from_address)}",
        f"To: {_mailbox(mail.to_name, mail.to_address)}",
        f"Subject: {_unstructured(mail.subject)}",
        f"Date: {_date(int(time.time()))}",
        f"Message-ID: {message_id_header(mail.message_id, mail.from_address)}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",
        *_unsubscribing(mail.unsubscribe_url),
        # Says which message it was also where a report goes to `From`, against RFC 3464: it comes with the mail itself.
        *([f"Errors-To: <{mail.return_path}>"] if mail.return_path else []),
    ]


def _body(mail: Mail) -> str:
    """The last header lines, which say what the body is, and the body."""
    if not mail.attachments:
        return _words(mail)
    boundary = _outer(mail)
    return f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n--{boundary}\r\n{_words(mail)}'


def _words(mail: Mail) -> str:
    if not mail.html:
        return _part("plain", mail.text)
    boundary = f"=_{mail.message_id}"
    parts = [f"--{boundary}\r\n{_part(kind, body)}" for kind, body in (("plain", mail.text), ("html", mail.html))]
    head = f'Content-Type: multipart/alternative; boundary="{boundary}"'
    return "\r\n".join([head, "", *parts, f"--{boundary}--", ""])


def message_id_header(message_id: str, from_address: str) -> str:
    """The Message-ID of a message: the same for every attempt."""
    return f"<{message_id}@{ascii_address(from_address).rpartition('@')[2]}>"


def ascii_address(address: str) -> str:
    """The address with its domain in ASCII (IDNA), so that any mail server takes it."""
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{idna.encode(domain, uts46=True).decode()}"


def dot_stuffed(content: bytes) -> bytes:
    """The content as DATA wants it: dots at the start of a line doubled, ended by a lone dot (RFC 5321, 4.5.2)."""
    stuffed = stuffed_lines(content)
    return stuffed + (b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n")


def stuffed_lines(content: bytes) -> bytes:
    """The beginning of a content: the same without the end. Attachments behind it need none: base64 has no dots."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


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
    is_plain = name.isascii() and len(name) <= LONGEST_QUOTED
    return f"{_quoted(name) if is_plain else _encoded(name)} <{address}>"


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
