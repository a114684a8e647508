"""What a returned mail says: delivery status notifications (RFC 3464), made by every mail server a little differently.

Whatever comes, an answer comes of it, in bounded time: the parser is given no more levels and lines than real reports
have, short headers, and the old policy, which reads headers without understanding them.
"""

import re
from binascii import a2b_base64
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from email.parser import HeaderParser
from email.policy import Compat32
from itertools import islice
from quopri import decodestring

from outbox.reports.domain import Ignored, Report, Verdict, in_words
from outbox.return_paths import Returned, ReturnPaths

READ_BYTES = 500_000
"""What a report says stands before the mail that it returns, which may be large."""
MOST_LINES = 20_000
"""The same of lines: each costs something for every level of parts."""
MOST_PARTS = 100
MOST_RECIPIENTS = 100
MOST_HEADERS = 200
MOST_LINE = 2_000
ADDRESSED = ("to", "delivered-to", "x-original-to", "envelope-to", "return-path", "errors-to")
"""Headers that may hold the address that a mail was returned to; the last two are of the mail that comes back."""
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_BLANK_LINE = re.compile(r"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r\n?|\n")
_ACTIONS = {"failed": Verdict.FAILED, "delayed": Verdict.PENDING, "delivered": Verdict.DELIVERED}

Mime = Message


class _Short(Compat32):
    """Of a header the beginning: to take its parameters apart costs the square of its length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MOST_LINE]


_POLICY = _Short()


def understand(raw: bytes, return_paths: ReturnPaths, now: datetime) -> tuple[Returned, Report] | Ignored:
    """Which attempt a mail is about and what it reports of it, or why that is not to be known."""
    raw = _beginning(raw[:READ_BYTES])
    if raw.lower().count(b"content-type") > MOST_PARTS:
        return Ignored.UNREADABLE
    try:
        return _understand(raw, return_paths, now)
    except (AttributeError, LookupError, TypeError, ValueError):  # the parser's own, about strange parameters
        return Ignored.UNREADABLE


def _beginning(raw: bytes) -> bytes:
    """Its first lines."""
    behind = next(islice(_LINE_END.finditer(raw), MOST_LINES, None), None)
    return raw[: behind.start()] if behind else raw


def _understand(raw: bytes, return_paths: ReturnPaths, now: datetime) -> tuple[Returned, Report] | Ignored:
    message = message_from_bytes(raw, policy=_POLICY)
    parts = list(_parts(message))
    report = _report(parts, now)
    if report is None:
        return Ignored.AUTO_REPLY if _is_automatic(message) else Ignored.NO_REPORT
    for headers in (message, *_returned(parts)):
        if found := return_paths.read(_addresses(headers)):
            return found, report
    return Ignored.NOT_OURS


def _parts(message: Mime) -> Iterator[Mime]:
    """The parts of the report itself, not those of the mail that it returns."""
    if message.get_content_maintype() != "multipart" or not message.is_multipart():
        yield message
        return
    for part in _inside(message):
        yield from _parts(part)


def _inside(part: Mime) -> list[Mime]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _report(parts: list[Mime], now: datetime) -> Report | None:
    """What is said of the recipient. A mail has one; if the report names more (of a list), a failure counts first."""
    blocks = islice((block for part in parts for block in _blocks(part)), MOST_RECIPIENTS)
    found = [report for block in blocks if (report := _of_recipient(block, now))]
    order = (Verdict.FAILED, Verdict.PENDING, Verdict.DELIVERED)
    return min(found, key=lambda report: order.index(report.verdict)) if found else None


def _blocks(part: Mime) -> Iterator[Mime]:
    """The fields of a report, of each recipient apart."""
    match part.get_content_type():
        case "message/delivery-status" if not _is_base64(part):
            yield from _inside(part)
        case "message/delivery-status" | "message/global-delivery-status":  # the second is of UTF-8 (RFC 6533)
            yield from map(_headers, _BLANK_LINE.split(_decoded(part)))
        case _:
            pass


def _decoded(part: Mime) -> str:
    """What is in a part that the parser took for a mail, as whose body it is there, as it came."""
    text = "\n\n".join(map(_text, _inside(part))).encode()
    if _is_base64(part):
        text = a2b_base64(text)
    elif _encoding(part) == "quoted-printable":
        text = decodestring(text)
    return text.decode("utf-8", "replace")


def _is_base64(part: Mime) -> bool:
    return _encoding(part) == "base64"


def _encoding(part: Mime) -> str:
    """Of a `message/*`, which has none by rights (RFC 2046, 5.2.1) but for UTF-8; not every gateway knows that."""
    return _header(part, "content-transfer-encoding").lower()


def _of_recipient(block: Mime, now: datetime) -> Report | None:
    verdict = _ACTIONS.get(_header(block, "action").partition(" ")[0].lower())
    if verdict is None:
        return None
    diagnostic = in_words(_header(block, "diagnostic-code").partition(";")[2])
    status = _STATUS.search(_header(block, "status"))
    if status is None or status.group(1).endswith(".0.0"):  # it says nothing; what the other server said may
        status = _STATUS.search(diagnostic) or status
    code = status.group(1) if status else ""
    return Report(verdict, now, code, diagnostic or f"{code} {verdict}".strip())


def _returned(parts: list[Mime]) -> Iterator[Mime]:
    """The headers of the mail that comes back, whole or without its body."""
    for part in parts:
        match part.get_content_type():
            case "message/rfc822" | "message/global" | "message/global-headers":
                yield from [_headers(_decoded(part))] if _is_base64(part) else _inside(part)
            case "text/rfc822-headers":
                yield _headers(_text(part))
            case _:
                pass


def _text(part: Mime) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _headers(text: str) -> Mime:
    return HeaderParser(policy=_POLICY).parsestr(text)


def _addresses(headers: Mime) -> str:
    """The values of those headers that hold addresses, in lines."""
    lines = (str(value)[:MOST_LINE] for name, value in islice(headers.items(), MOST_HEADERS) if _is_addressed(name))
    return "\n".join(lines)


def _is_addressed(name: str) -> bool:
    return name.lower() in ADDRESSED


def _header(block: Mime, name: str) -> str:
    return str(block.get(name, ""))[:MOST_LINE].strip()


def _is_automatic(message: Mime) -> bool:
    """True for holiday notes, receipts and the like (RFC 3834)."""
    said = _header(message, "auto-submitted").lower()
    return (bool(said) and not said.startswith("no")) or "x-autoreply" in message or "x-autorespond" in message
