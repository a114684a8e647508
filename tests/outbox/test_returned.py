"""What is understood of mails that come back: real reports, and garbage."""

import base64
import quopri
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbox.domain import Outcome
from outbox.reports.domain import Ignored, Report, Verdict
from outbox.reports.returned import MOST_PARTS, READ_BYTES, understand
from outbox.return_paths import MOST_ATTEMPTS, Returned, ReturnPaths
from tests.support.returns import NO_MAILBOX, holiday_note, returned

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32
PATHS = ReturnPaths([NEW, OLD])
ID = "0b0f6f0e-7d8e-5d5c-9d55-0d8b8c6f2d11"
TO = PATHS.of(ID, 2, "bounces.example.com")
NO_BOUNDARIES = ("boundary*=a; boundary*0=b", "boundary*=a%00b''c")
"""Python's parser raises errors of two kinds about these parameters."""


def test_an_address_says_which_attempt_it_is_of_and_proves_it() -> None:
    """B2: also in capitals, and after a new key was put first; its part before the @ fits into 64 octets."""
    assert PATHS.read(f"Ann <{TO.upper()}>") == Returned(ID, 2)
    assert PATHS.read(ReturnPaths([OLD]).of(ID, 1, "x.example")) == Returned(ID, 1)
    assert len(PATHS.of(ID, MOST_ATTEMPTS, "x").partition("@")[0]) == 64
    assert PATHS.of(ID, MOST_ATTEMPTS + 1, "x") == ""
    assert PATHS.of("Msg 1", 1, "x") == ""


def test_nobody_makes_an_address_of_another_message_or_attempt() -> None:
    """B2: nor with a key that is not ours."""
    for forged in (TO.replace("0b0f", "0b0e"), TO.replace(".2.", ".1."), ReturnPaths([b"x" * 32]).of(ID, 2, "x")):
        assert PATHS.read(forged) is None


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "verdict", "code"),
    [
        ("failed", "5.1.1", NO_MAILBOX, Verdict.FAILED, "5.1.1"),
        ("Failed (gave up)", "5.0.0", NO_MAILBOX, Verdict.FAILED, "5.1.1"),
        ("failed", "4.4.7 (expired)", "delivery time expired", Verdict.FAILED, "4.4.7"),
        ("failed", "", "550 host 5.1.1.9 says no", Verdict.FAILED, ""),
        ("delayed", "4.2.2", "452 4.2.2 over quota", Verdict.PENDING, "4.2.2"),
        ("delivered", "2.1.5", "250 ok", Verdict.DELIVERED, "2.1.5"),
    ],
)
def test_a_report_says_what_became_of_the_attempt(
    action: str, status: str, diagnostic: str, verdict: Verdict, code: str
) -> None:
    """B2, B10."""
    raw = returned(TO, action=action, status=status, diagnostic=diagnostic)
    assert understand(raw, PATHS, NOW) == (Returned(ID, 2), Report(verdict, NOW, code, diagnostic))


def test_a_report_that_went_to_the_sender_is_known_by_the_mail_that_it_returns() -> None:
    """B2: whole, or only its headers."""
    raw = returned("shop@kettle.example.com", original=f"Errors-To: <{TO}>\r\n\r\nHello".encode())
    for one in (raw, raw.replace(b"message/rfc822", b"text/rfc822-headers")):
        understood = understand(one, PATHS, NOW)
        assert isinstance(understood, tuple)
        assert understood[0] == Returned(ID, 2)


def test_a_report_on_an_address_that_is_not_ascii_is_one_too() -> None:
    """B2: RFC 6533 calls its parts otherwise, and fields may be of UTF-8."""
    raw = returned(TO, status="5.1.1", diagnostic="550 5.1.1 ża: no such mailbox").replace(
        b"rfc822; ann@", "utf-8; ża@".encode()
    )
    for name in (b"message/delivery-status", b"message/rfc822"):
        raw = raw.replace(name, name.replace(b"delivery", b"global-delivery").replace(b"rfc822", b"global"))
    wanted = Report(Verdict.FAILED, NOW, "5.1.1", "550 5.1.1 ża: no such mailbox")
    assert understand(raw, PATHS, NOW) == (Returned(ID, 2), wanted)


@pytest.mark.parametrize("named", [b"", b"global-"], ids=["ascii", "of UTF-8"])
@pytest.mark.parametrize("encoding", [b"7bit", b"quoted-printable", b"base64"])
def test_a_report_is_understood_however_a_gateway_encoded_it(encoding: bytes, named: bytes) -> None:
    """B2, RFC 6533: also where the mail that it returns has to say whose it is."""
    encode = {b"base64": base64.encodebytes, b"quoted-printable": quopri.encodestring}.get(encoding, bytes)
    raw = returned("shop@kettle.example.com", original=f"Errors-To: <{TO}>\r\n\r\nHello".encode())
    head, *parts = raw.split(b"--report")
    for number in (1, 2):
        kind, _, content = parts[number].partition(b"\r\n\r\n")
        kind = kind.replace(b"rfc822", b"global-headers" if named else b"rfc822").replace(
            b"/delivery", b"/%bdelivery" % named
        )
        parts[number] = kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + encode(content) + b"\r\n"
    wanted = Report(Verdict.FAILED, NOW, "5.1.1", NO_MAILBOX)
    assert understand(b"--report".join([head, *parts]), PATHS, NOW) == (Returned(ID, 2), wanted)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (holiday_note(TO), Ignored.AUTO_REPLY),
        (f"From: ann@x.example\r\nTo: {TO}\r\n\r\nWho are you?".encode(), Ignored.NO_REPORT),
        (returned(TO, action="relayed"), Ignored.AUTO_REPLY),
        (returned("shop@kettle.example.com"), Ignored.NOT_OURS),
        (b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * (MOST_PARTS + 1), Ignored.UNREADABLE),
        *((f"Content-Type: multipart/report; {one}\r\n\r\n".encode(), Ignored.UNREADABLE) for one in NO_BOUNDARIES),
        (b"", Ignored.NO_REPORT),
    ],
)
def test_what_is_no_report_of_ours_is_named(raw: bytes, why: Ignored) -> None:
    """B2: holiday notes go to the envelope's sender too."""
    assert understand(raw, PATHS, NOW) is why


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.1.1", Outcome.RECIPIENT_REFUSED),
        ("5.1.10", Outcome.RECIPIENT_REFUSED),
        ("5.1.8", Outcome.BOUNCED),
        ("5.2.2", Outcome.BOUNCED),
        ("5.7.1", Outcome.BOUNCED),
        ("4.1.1", Outcome.BOUNCED),
        ("404", Outcome.BOUNCED),
    ],
)
def test_only_an_address_that_is_wrong_is_remembered_as_such(status: str, reason: Outcome) -> None:
    """A8: a full mailbox takes mail again some day."""
    assert Report(Verdict.FAILED, NOW, status, "").reason is reason


PIECES = st.sampled_from(
    [
        *returned(TO).splitlines(keepends=True),
        b"Content-Type: multipart/report; boundary*0*=utf-8''%ff\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Type: text/rfc822-headers\r\n",
        b"\r\n",
        b"\n",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=40), max_size=60).map(b"".join) | st.binary(max_size=400))
def test_whatever_comes_an_answer_comes_of_it(raw: bytes) -> None:
    """B2: no mail stops the reader."""
    understood = understand(raw, PATHS, NOW)
    if isinstance(understood, tuple):
        about, report = understood
        assert (about, len(report.words) <= 500) == (Returned(ID, 2), True)
        report.words.encode()
    else:
        assert understood in Ignored


@pytest.mark.parametrize(
    "raw",
    [
        b'Content-Type: multipart/report; x="' + b";" * 60_000 + b"\r\n\r\n",
        b'Content-Type: multipart/report; x="' + b";\r\n " * 60_000 + b"\r\n\r\n",
        b"Content-Type: message/delivery-status\r\n\r\n" + b"\r" * READ_BYTES,
        b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (one, one) for one in range(90))
        + b"\n" * READ_BYTES,
    ],
    ids=["a long header", "a folded header", "many lines", "many levels and lines"],
)
def test_however_long_it_is_it_is_read_in_a_moment(raw: bytes) -> None:
    """B2: anybody may send such a mail; these took from five seconds to minutes, and with them the process."""
    began = time.process_time()
    assert understand(raw, PATHS, NOW) in Ignored
    assert time.process_time() - began < 3


def test_a_report_stands_before_a_mail_of_very_many_lines() -> None:
    """B2: which is cut."""
    raw = returned(TO, original=b"Subject: New order\r\n\r\n" + b"x\r\n" * READ_BYTES)
    assert isinstance(understand(raw, PATHS, NOW), tuple)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_report_with_anything_in_its_fields_is_read(status: bytes, words: bytes) -> None:
    """B2: what is kept of it can be stored."""
    raw = returned(TO).replace(b"5.0.0", status).replace(NO_MAILBOX.encode(), words)
    understood = understand(raw, PATHS, NOW)
    assert not isinstance(understood, tuple) or understood[1].words.encode()
