"""Bounces that come to a mailbox, which the outbox empties over IMAP (B2)."""

import ssl
from pathlib import Path

import pytest
import trustme

from common.events import MessageFailed
from tests.support.eventually import eventually, unique
from tests.support.imap import MailboxServer, mailbox_server
from tests.support.mail import Mail, MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service
from tests.support.returns import bounce_of, holiday_note


async def reading(platform: Platform, mailbox: MailboxServer, **settings: str) -> Service:
    """An outbox that looks into the mailbox all the time."""
    settings = {"IMAP_PORT": str(mailbox.port), "IMAP_PASSWORD": mailbox.password, "IMAP_TLS": "none", **settings}
    return await platform.service(
        "outbox", instance=unique("imap"), IMAP_HOST="127.0.0.1", IMAP_USERNAME="bounces", IMAP_LOOK_SECONDS="0.1",
        **settings,
    )  # fmt: skip


async def sent_mail(outbox: Service, mail: MailServer) -> tuple[str, Mail]:
    partner, _ = await sender_account(outbox, mail, bounce_domain="bounces.example.com")
    to = f"{unique('ann').replace('_', '-')}@x.example"
    await request(outbox, message(partner, to))
    await settled(outbox, partner, "SENT")
    return partner, mail.to(to)[0]


async def test_what_is_new_in_the_mailbox_is_worked_off_and_marked(platform: Platform, mail: MailServer) -> None:
    """B2: a large mail by its beginning, and what is no bounce too; what was read is not read again."""
    async with mailbox_server() as mailbox:
        outbox = await reading(platform, mailbox)
        partner, got = await sent_mail(outbox, mail)
        mailbox.mails += [holiday_note(got.sender), b"\xff" * 10, bounce_of(got) + b"x" * 2_000_000]
        await settled(outbox, partner, "BOUNCED")
        await eventually(lambda: mailbox.seen == {1, 2, 3})
        logins = mailbox.logins
        await eventually(lambda: mailbox.logins >= logins + 3)
        assert mailbox.fetched == [1, 2, 3]
        assert "switchboard_mailbox_away 0.0" in (await outbox.http.get("/metrics")).text


async def test_a_mailbox_with_very_many_unread_mails_is_read(platform: Platform, mail: MailServer) -> None:
    """B2: the ids of all of them are more than the client reads in one line, and it could be read no more."""
    async with mailbox_server() as mailbox:
        outbox = await reading(platform, mailbox)
        partner, got = await sent_mail(outbox, mail)
        mailbox.mails += [bounce_of(got)] + [b"Subject: Hello\r\n\r\n"] * 170_000
        await settled(outbox, partner, "BOUNCED")


async def test_a_mail_that_no_parser_understands_holds_up_no_bounce_behind_it(
    platform: Platform, mail: MailServer
) -> None:
    """B2: anybody may send one to a bounce domain."""
    async with mailbox_server() as mailbox:
        outbox = await reading(platform, mailbox)
        partner, got = await sent_mail(outbox, mail)
        strange = b"Content-Type: multipart/report; boundary*=a; boundary*0=b\r\n\r\nHello\r\n"
        mailbox.mails += [strange, bounce_of(got)]
        await settled(outbox, partner, "BOUNCED")
        await eventually(lambda: mailbox.seen == {1, 2})


async def test_a_mail_is_worked_off_again_when_it_could_not_be_marked(platform: Platform, mail: MailServer) -> None:
    """F6: at least once; the second time changes nothing."""
    async with mailbox_server() as mailbox:
        mailbox.drop_before = "UID STORE"
        outbox = await reading(platform, mailbox)
        partner, got = await sent_mail(outbox, mail)
        mailbox.mails.append(bounce_of(got))
        await eventually(lambda: mailbox.seen == {1})
        assert mailbox.fetched == [1, 1]
        await settled(outbox, partner, "BOUNCED")
        await eventually(lambda: outbox.io.follow(MessageFailed).events)
        assert len(outbox.io.follow(MessageFailed).events) == 1


async def test_a_mailbox_that_lets_nobody_in_disturbs_nothing(platform: Platform, mail: MailServer) -> None:
    """B9: and its password is not in the log."""
    async with mailbox_server() as mailbox:
        outbox = await reading(platform, mailbox, IMAP_PASSWORD="wrong-canary")
        partner, _ = await sent_mail(outbox, mail)
        await eventually(lambda: mailbox.logins >= 2)
        assert [one["status"] for one in await box(outbox, partner)] == ["SENT"]
        assert (await outbox.http.get("/readyz")).status_code == 200
        assert "mailbox_away" in outbox.log_text()
        assert "switchboard_mailbox_away 1.0" in (await outbox.http.get("/metrics")).text
        assert "wrong-canary" not in outbox.log_text()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """The outbox trusts whatever it signed, and nothing else."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


def certified(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("mode", ["tls", "starttls"])
async def test_a_mailbox_is_read_over_tls(
    platform: Platform, mail: MailServer, authority: trustme.CA, tmp_path: Path, mode: str
) -> None:
    """B2: from the first byte, or from STARTTLS on."""
    async with mailbox_server(**{mode: certified(authority)}) as mailbox:
        outbox = await reading(platform, mailbox, IMAP_TLS=mode, SSL_CERT_FILE=str(tmp_path / "ca.pem"))
        partner, got = await sent_mail(outbox, mail)
        mailbox.mails.append(bounce_of(got))
        await settled(outbox, partner, "BOUNCED")
        await eventually(lambda: mailbox.seen == {1})


@pytest.mark.parametrize(
    ("mode", "is_signed", "name"),
    [("tls", False, "127.0.0.1"), ("starttls", False, "127.0.0.1"), ("tls", True, "mail.example.com")],
    ids=["unknown", "unknown, STARTTLS", "of another host"],
)
async def test_a_mailbox_whose_certificate_is_not_valid_is_not_told_the_password(
    platform: Platform, authority: trustme.CA, tmp_path: Path, mode: str, is_signed: bool, name: str
) -> None:
    """B2, B9: the metric says that it cannot be read, and the log why."""
    context = certified(authority if is_signed else trustme.CA(), name)
    async with mailbox_server(**{mode: context}) as mailbox:
        outbox = await reading(platform, mailbox, IMAP_TLS=mode, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

        async def is_said() -> bool:
            return "switchboard_mailbox_away 1.0" in (await outbox.http.get("/metrics")).text

        await eventually(is_said)
        assert "SSLCertVerificationError" in outbox.log_text()
        assert mailbox.logins == 0
