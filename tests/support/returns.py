"""Mails that come back, as mail servers make them (RFC 3464)."""

from email.message import EmailMessage
from typing import Any

from tests.support.mail import Mail
from tests.support.platform import Service

NO_MAILBOX = "550 5.1.1 no such mailbox"


def returned(
    to: str, *, action: str = "failed", status: str = "5.0.0", diagnostic: str = NO_MAILBOX, original: bytes = b"",
) -> bytes:  # fmt: skip
    """The report that a mail server sends to `to`, with the mail or its headers as it has them."""
    report = (
        "Reporting-MTA: dns; mx.example.com\r\n\r\n"
        "Final-Recipient: rfc822; ann@x.example\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {diagnostic}\r\n"
    )
    parts = [
        ("text/plain; charset=utf-8", b"I could not deliver your mail."),
        ("message/delivery-status", report.encode()),
        ("message/rfc822", original or b"Subject: New order\r\n\r\nHello\r\n"),
    ]
    body = b"".join(b"--report\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind.encode(), part) for kind, part in parts)
    head = f"From: MAILER-DAEMON@mx.example.com\r\nTo: {to}\r\nSubject: Undelivered\r\nAuto-Submitted: auto-replied\r\n"
    kind = 'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="report"\r\n\r\n'
    return (head + kind).encode() + body + b"--report--\r\n"


def bounce_of(mail: Mail, **changes: Any) -> bytes:
    """What comes back of a mail that a server of a test accepted."""
    return returned(mail.sender, original=mail.content, **changes)


def holiday_note(to: str) -> bytes:
    note = EmailMessage()
    note["From"], note["To"], note["Auto-Submitted"] = "ann@x.example", to, "auto-replied"
    note.set_content("I am away until Monday.")
    return note.as_bytes()


async def hand_in(outbox: Service, raw: bytes, partner: str = "platform") -> str:
    """Post a mail as a mail server does; what the outbox says it was."""
    headers = {**outbox.tokens.headers(partner, user_id="mch_mail"), "Content-Type": "message/rfc822"}
    answer = await outbox.http.post("/inbound/mail", content=raw, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["was"]
