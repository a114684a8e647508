"""The outbox while a mail server takes nobody, or not yet: a wrong password, an old certificate, a greylist (B10)."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.faults.ledger import Ledger, is_clean
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.platform import Platform

MAILS = 600
REFUSALS, METHODS = 3, 2
"""After so many an account is stopped; each is a sign-in by both methods that the server offers."""
QUICK = {"RETRY_SCHEDULE_SECONDS": "0.2", "REFUSED_REST_SECONDS": "0.3", "LEASE_SECONDS": "2"}
OUTBOX = QUICK | {"STOP_AFTER_REFUSALS": str(REFUSALS)}
HERE = {"host": "127.0.0.1", "name": "Shop", "from_address": "shop@kettle.example.com", "is_default": True}


async def all_wait(ledger: Ledger, words: str, *, is_stopped: bool) -> None:
    """Wait until no account works any more, for this reason, and everything that was published is kept."""

    async def so_it_is() -> bool:
        for partner in ledger.accounts:
            headers = ledger.outbox.tokens.headers(partner)
            [health] = (await ledger.outbox.http.get("/accounts/health", headers=headers)).json()
            if words not in (health["error"] or "") or bool(health["stopped_since"]) is not is_stopped:
                return False
        return await ledger.outbox.database["messages"].count_documents({}) == len(ledger.wanted)

    await eventually(so_it_is, 60, f"every account failing by {words!r}")


async def test_what_a_wrong_password_holds_up_is_not_lost(platform: Platform, sink: MailServer) -> None:
    """B9, B10: the server is asked a few times, however much waits, and all leaves once the password is right."""
    outbox = await platform.service("outbox", instance=unique("password"), **OUTBOX)
    ledger = await Ledger.written(outbox, sink, MAILS, username="shop", password="wrong")
    await ledger.publish()
    await all_wait(ledger, "535", is_stopped=True)
    assert sink.received == []
    refused = sink.sign_ins_refused
    for partner, account in ledger.accounts.items():
        fields = HERE | {"port": sink.port, "tls": "none", "username": "shop", "password": "right"}
        headers = outbox.tokens.headers(partner)
        assert (await outbox.http.put(f"/accounts/{account}", json=fields, headers=headers)).status_code == 200
    seconds = await ledger.all_sent()
    more = {"sign_ins_refused": refused, "all_sent_after_mending": round(seconds, 2)}
    row = await ledger.close("a wrong password until it is mended", **more)
    assert is_clean(row), row
    assert row["mails_doubled"] == 0, row
    assert refused == len(ledger.accounts) * REFUSALS * METHODS, row


@pytest.fixture
def authority() -> trustme.CA:
    """The outbox trusts whatever it signed, and nothing else."""
    return trustme.CA()


@pytest.fixture
def expired(authority: trustme.CA) -> Iterator[MailServer]:
    """A mail server whose certificate was good until yesterday."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    old = authority.issue_cert("127.0.0.1", not_before=yesterday - timedelta(days=90), not_after=yesterday)
    old.configure_cert(context)
    server = MailServer(tls=context)
    server.start()
    yield server
    server.stop()


async def test_an_expired_certificate_is_told_nothing_until_it_is_renewed(
    platform: Platform, authority: trustme.CA, expired: MailServer, tmp_path: Path
) -> None:
    """B10, B11: the same authority and name; only its time is over."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    outbox = await platform.service(
        "outbox", instance=unique("expired"), SSL_CERT_FILE=str(tmp_path / "ca.pem"), **OUTBOX
    )
    ledger = await Ledger.written(outbox, expired, MAILS, tls="tls", username="shop", password="right")
    await ledger.publish()
    await all_wait(ledger, "has a certificate that is not valid for it", is_stopped=False)
    assert (expired.attempts, expired.received) == ({}, [])
    assert expired.tls is not None
    authority.issue_cert("127.0.0.1").configure_cert(expired.tls)
    seconds = await ledger.all_sent()
    row = await ledger.close("an expired certificate until it is renewed", all_sent_after_renewal=round(seconds, 2))
    assert is_clean(row), row
    assert row["mails_doubled"] == 0, row


async def test_a_greylist_that_refuses_each_address_the_first_time(platform: Platform, sink: MailServer) -> None:
    """B10: each comes again by itself, and once."""
    outbox = await platform.service("outbox", instance=unique("greylist"), **OUTBOX)
    ledger = await Ledger.written(outbox, sink, MAILS)
    for address in ledger.wanted:
        sink.answer(address, ["450 4.2.0 greylisted, come again later"])
    await ledger.publish()
    await ledger.all_sent()
    row = await ledger.close("greylisting of every address", attempts=sum(sink.attempts.values()))
    assert is_clean(row), row
    assert row["mails_doubled"] == 0, row
    assert row["attempts"] == 2 * MAILS, row
