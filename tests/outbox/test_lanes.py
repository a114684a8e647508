"""What one account's mail server does to its own mail, and to nobody else's (fairness, B9, B10)."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller

from common.events import MessageSent
from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service, free_port


def address(name: str = "ann") -> str:
    return f"{unique(name).replace('_', '-')}@x.example"


async def account_at(outbox: Service, port: int, partner: str, **changes: Any) -> str:
    """The id of a new default account of `partner` at a server of this test."""
    body = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": port, "tls": "none"}
    body |= {"is_default": True, **changes}
    answer = await outbox.http.post("/accounts", json=body, headers=outbox.tokens.headers(partner))
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def counts(outbox: Service, partner: str) -> dict[str, int]:
    return (await outbox.http.get("/messages/counts", headers=outbox.tokens.headers(partner))).json()


async def waiting(outbox: Service, partner: str, count: int, **changes: Any) -> None:
    """`count` messages of `partner`, which has no account yet."""
    await request(outbox, *(message(partner, address("w"), **changes) for _ in range(count)))

    async def are_there() -> bool:
        return (await counts(outbox, partner))["WAITING"] == count

    await eventually(are_there, timeout=20)


async def test_a_wrong_password_is_not_tried_for_each_message_and_holds_up_nobody_else(
    platform: Platform, mail: MailServer
) -> None:
    """Circuit breaker, B9: otherwise the provider locks the account; each message says what the matter is."""
    outbox = await platform.service("outbox", instance="breaker")
    replies: dict[str, str | list[str]] = {"AUTH": "535 5.7.8 bad credentials"}
    async with listening(Scripted(replies, ("AUTH PLAIN",))) as server:
        failing, other = unique("prt"), unique("prt")
        await waiting(outbox, failing, 150)
        await account_at(outbox, server.port, failing, username="shop", password="wrong", max_connections=4)

        async def many_say_so() -> bool:
            rows = await box(outbox, failing, limit=200)
            return sum(row["error"] == "535 5.7.8 bad credentials" for row in rows) >= 50

        await eventually(many_say_so)
        await sender_account(outbox, mail, partner=other)
        await request(outbox, message(other, address("other")))
        await settled(outbox, other, "SENT")
        assert server.count("AUTH") <= 2
        server.replies.clear()
        resent = (await box(outbox, failing, limit=1))[0]["id"]
        headers = outbox.tokens.headers(failing)
        assert (await outbox.http.post(f"/messages/{resent}/resend", headers=headers)).status_code == 200

        async def is_sent() -> bool:
            return (await outbox.http.get(f"/messages/{resent}", headers=headers)).json()["status"] == "SENT"

        await eventually(is_sent)  # a forced resend asks at once, though the account rests


async def test_a_server_may_look_at_a_mail_for_longer_than_at_a_question(platform: Platform) -> None:
    """B10, RFC 5321: who gives up while it does, and asks again, sends a copy."""
    outbox = await platform.service("outbox", instance="patient", SMTP_TIMEOUT_SECONDS="0.5", LEASE_SECONDS="1")
    looked = asyncio.Event()
    async with listening(Scripted(held={".": looked})) as server:
        partner = unique("prt")
        await account_at(outbox, server.port, partner)
        await request(outbox, message(partner, address()))
        await eventually(lambda: server.contents)
        asyncio.get_running_loop().call_later(1.5, looked.set)
        [row] = await settled(outbox, partner, "SENT")
        assert (len(server.contents), row["possible_duplicate"]) == (1, False)


async def test_an_account_that_was_mended_leaves_at_once_though_it_rested(platform: Platform) -> None:
    """B9: with a changed account nobody waits for the end of the rest."""
    outbox = await platform.service("outbox", instance="breaker")
    replies: dict[str, str | list[str]] = {"AUTH": ["535 5.7.8 bad credentials"]}
    async with listening(Scripted(replies, ("AUTH PLAIN",))) as server:
        partner = unique("prt")
        await waiting(outbox, partner, 1)
        account = await account_at(outbox, server.port, partner, username="shop", password="wrong")
        [row] = await settled(outbox, partner, "WAITING")
        await eventually(lambda: server.count("AUTH") == 1)
        await request(outbox, message(partner, address("next")))
        fields = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": server.port}
        fields |= {"tls": "none", "username": "shop", "password": "right", "is_default": True}
        headers = outbox.tokens.headers(partner)
        assert (await outbox.http.put(f"/accounts/{account}", json=fields, headers=headers)).status_code == 200

        async def next_is_sent() -> bool:
            rows = await box(outbox, partner)
            return [one["status"] for one in rows if one["id"] != row["id"]] == ["SENT"]

        await eventually(next_is_sent, timeout=10)


@pytest.mark.parametrize("is_tested", [False, True])
async def test_what_met_nobody_leaves_at_once_when_the_account_is_mended(platform: Platform, is_tested: bool) -> None:
    """B9: a wrong port is mended as a wrong password is; nobody waits for the next of the growing delays."""
    outbox = await platform.service("outbox")
    partner, port = unique("prt"), free_port()
    account = await account_at(outbox, port, partner)
    await request(outbox, message(partner, address()))

    async def was_tried() -> bool:
        return [(one["status"], one["attempts"]) for one in await box(outbox, partner)] == [("WAITING", 1)]

    await eventually(was_tried)
    async with listening(Scripted(), port if is_tested else 0) as server:
        headers = outbox.tokens.headers(partner)
        if is_tested:
            answer = await outbox.http.post(f"/accounts/{account}/test", headers=headers)
            assert answer.json()["works"] is True
        else:
            fields = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "tls": "none"}
            fields |= {"port": server.port, "is_default": True}
            answer = await outbox.http.put(f"/accounts/{account}", json=fields, headers=headers)
            assert answer.status_code == 200, answer.text
        [row] = await settled(outbox, partner, "SENT", timeout=10)
        assert row["attempts"] == 2


async def test_a_server_that_allows_fewer_connections_gets_fewer(platform: Platform) -> None:
    """Fairness: too many connections are our fault, and no message's: each is sent with its first attempt."""
    outbox = await platform.service("outbox")
    async with listening(Scripted(most=2, delay=0.01)) as server:
        partner = unique("prt")
        await waiting(outbox, partner, 60)
        await account_at(outbox, server.port, partner, max_connections=6)

        async def all_sent() -> bool:
            return (await counts(outbox, partner))["SENT"] == 60

        await eventually(all_sent, timeout=20)
        assert {row["attempts"] for row in await box(outbox, partner, limit=200)} == {1}
        assert len(server.contents) == 60


@pytest.mark.parametrize("reply", [HANG_UP, f"421 4.7.0 enough over this connection{HANG_UP}"], ids=["closed", "421"])
async def test_a_server_that_ends_a_connection_after_some_mails_costs_no_attempt(
    platform: Platform, reply: str
) -> None:
    """B10: a new connection is made, and the message leaves at once."""
    outbox = await platform.service("outbox")
    rhythm = ["250 OK", "250 OK", "250 OK", reply]
    async with listening(Scripted({"MAIL": rhythm * 5})) as server:
        partner = unique("prt")
        await waiting(outbox, partner, 20)
        await account_at(outbox, server.port, partner, max_connections=1)
        rows = await settled(outbox, partner, *["SENT"] * 20)
        assert {(row["attempts"], row["possible_duplicate"]) for row in rows} == {(1, False)}
        assert len(server.contents) == 20
        assert server.count("EHLO") >= 6


async def test_an_order_passes_the_campaign_that_is_being_sent(platform: Platform) -> None:
    """Fairness: only what is in hand is ahead of it, however slow the server."""
    outbox = await platform.service("outbox")
    async with listening(Scripted(delay=0.02)) as server:
        partner, to = unique("prt"), address("order")
        await waiting(outbox, partner, 400, kind="campaign.launched", priority=7)
        await account_at(outbox, server.port, partner, max_connections=1)
        await eventually(lambda: len(server.contents) > 10)
        await request(outbox, message(partner, to, priority=1))

        def position() -> int | None:
            found = [i for i, content in enumerate(list(server.contents)) if to.encode() in content]
            return found[0] if found else None

        await eventually(position, timeout=20)
        assert (position() or 0) < 200


async def test_a_changed_account_is_used_though_its_connections_are_busy(platform: Platform) -> None:
    """B11: whoever moves to another server does not go on sending through the old one."""
    outbox = await platform.service("outbox")
    async with listening(Scripted(delay=0.01)) as old, listening(Scripted()) as new:
        partner = unique("prt")
        await waiting(outbox, partner, 300)
        account = await account_at(outbox, old.port, partner, max_connections=1)
        await eventually(lambda: len(old.contents) > 5)
        fields = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": new.port}
        fields |= {"tls": "none", "is_default": True, "max_connections": 1}
        headers = outbox.tokens.headers(partner)
        assert (await outbox.http.put(f"/accounts/{account}", json=fields, headers=headers)).status_code == 200

        async def all_sent() -> bool:
            return (await counts(outbox, partner))["SENT"] == 300

        await eventually(all_sent, timeout=20)
        assert len(old.contents) + len(new.contents) == 300
        assert len(new.contents) > 100


async def test_a_result_is_not_written_once_the_claim_is_somebody_elses(platform: Platform) -> None:
    """F6: a worker that was frozen cannot overwrite what another knows, and announces nothing."""
    outbox = await platform.service("outbox", instance="fenced")
    async with listening(Scripted(delay=0.5)) as server:
        partner = unique("prt")
        await account_at(outbox, server.port, partner)
        wanted = message(partner, address())
        await request(outbox, wanted)
        await eventually(lambda: server.count(".") == 1)
        messages = outbox.database["messages"]
        now = datetime.now(UTC)
        before = {"at": now, "ended_at": now, "outcome": "unknown", "reply": "the process ended"}
        other = {"claim.token": "another worker", "claim.until": now + timedelta(hours=1), "attempts": [before]}
        taken = await messages.update_one({"_id": wanted.message_id, "status": "SENDING"}, {"$set": other})
        assert taken.modified_count == 1
        await eventually(lambda: "claims_lost" in outbox.log_text())
        found = await messages.find_one({"_id": wanted.message_id})
        assert found is not None
        assert (found["status"], len(found["attempts"])) == ("SENDING", 1)
        assert found["claim"]["token"] == "another worker"

        async def nothing_is_left_to_announce() -> bool:
            return await outbox.database["announcements"].count_documents({}) == 0

        await eventually(nothing_is_left_to_announce, timeout=20)
        published = outbox.io.follow(MessageSent)
        await request(outbox, message(partner, address()))
        [sent] = await published.wait_for(lambda e: e.data.partner_id == partner)
        assert sent.data.message_id != wanted.message_id


@asynccontextmanager
async def secured(authority: trustme.CA, *, implicit: bool) -> AsyncGenerator[int]:
    """The port of a mail server with a certificate of `authority`, by STARTTLS or from the first byte."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    port = free_port()
    sink = _Sink()
    if implicit:
        controller = Controller(sink, hostname="127.0.0.1", port=port, ssl_context=context)
    else:
        controller = Controller(sink, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True)
    await asyncio.to_thread(controller.start)
    yield port
    await asyncio.to_thread(controller.stop)


class _Sink:
    """Accepts everything, and says by which version of TLS it came."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        return f"250 2.0.0 OK {server.transport.get_extra_info('ssl_object').version()}"


@pytest.mark.parametrize(("mode", "implicit"), [("starttls", False), ("tls", True)])
async def test_mail_goes_over_tls_to_a_server_whose_certificate_is_valid_and_to_no_other(
    platform: Platform, tmp_path: Path, mode: str, implicit: bool
) -> None:
    """B11."""
    known, unknown = trustme.CA(), trustme.CA()
    known.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    outbox = await platform.service("outbox", instance=mode, SSL_CERT_FILE=str(tmp_path / "ca.pem"))
    async with secured(known, implicit=implicit) as port, secured(unknown, implicit=implicit) as strangers_port:
        partner, stranger = unique("prt"), unique("prt")
        await account_at(outbox, port, partner, tls=mode)
        foreign = await account_at(outbox, strangers_port, stranger, tls=mode)
        await request(outbox, message(partner, address()), message(partner, address()))
        await settled(outbox, partner, "SENT", "SENT")
        sent = await outbox.io.follow(MessageSent).wait_for(lambda e: e.data.partner_id == partner, count=2)
        assert all("TLSv1" in event.data.provider_reply for event in sent)
        headers = outbox.tokens.headers(stranger)
        tested = (await outbox.http.post(f"/accounts/{foreign}/test", headers=headers)).json()
        assert tested == {"works": False, "words": "127.0.0.1 has a certificate that is not valid for it"}
