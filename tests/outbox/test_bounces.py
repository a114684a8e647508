"""Mails that were accepted and came back: what the box says, who hears of it, and what cannot be done with a lie."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest

from common.auth import Permission
from common.events import MessageFailed
from common.mongo import Document
from tests.outbox.scripted import Scripted, listening
from tests.outbox.texting import detail, problem
from tests.support.eventually import eventually, unique
from tests.support.mail import DROP, Mail, MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service
from tests.support.returns import NO_MAILBOX, bounce_of, hand_in, holiday_note, returned

DOMAIN = "bounces.example.com"


def address() -> str:
    return f"{unique('ann').replace('_', '-')}@x.example"


async def sent_mail(outbox: Service, mail: MailServer, **changes: Any) -> tuple[str, str, Mail]:
    """(partner, message id, mail): a mail that was accepted, of an account with a bounce domain."""
    partner, _ = await sender_account(outbox, mail, bounce_domain=DOMAIN)
    wanted = message(partner, address(), **changes)
    await request(outbox, wanted)
    await settled(outbox, partner, "SENT")
    [got] = mail.to(wanted.recipient.address)
    return partner, wanted.message_id, got


async def failures(outbox: Service, partner: str, count: int) -> list[MessageFailed]:
    """The failures of a partner's messages, once there are `count`."""
    followed = outbox.io.follow(MessageFailed)
    await eventually(lambda: len([one for one in followed.events if one.data.partner_id == partner]) >= count)
    return [one.data for one in followed.events if one.data.partner_id == partner]


async def resend(outbox: Service, partner: str, message_id: str) -> int:
    headers = outbox.tokens.headers(partner)

    async def code() -> int:
        answer = await outbox.http.post(f"/messages/{message_id}/resend", headers=headers)
        return 0 if answer.is_error and problem(answer) == (409, "still-sending") else answer.status_code

    return await eventually(code)


async def test_a_mail_that_comes_back_is_bounced_and_said_to_have_failed_once(
    platform: Platform, mail: MailServer
) -> None:
    """B2, B10, A8: with the other server's words and when; the address is known as one that takes no mail."""
    outbox = await platform.service("outbox")
    partner, message_id, got = await sent_mail(outbox, mail)
    assert got.sender.endswith(f"@{DOMAIN}")
    assert [await hand_in(outbox, bounce_of(got)) for _ in range(2)] == ["failed", "failed"]
    [row] = await settled(outbox, partner, "BOUNCED")
    [failed] = await failures(outbox, partner, 1)
    assert (failed.message_id, failed.reason, failed.provider_reply) == (message_id, "recipient_refused", NO_MAILBOX)
    assert (row["error"], row["executed_at"]) == (NO_MAILBOX, failed.executed_at.isoformat().replace("+00:00", "Z"))
    assert (failed.attempts, row["actions"]) == (1, ["delete", "resend"])
    assert [one["id"] for one in await box(outbox, partner, status="BOUNCED")] == [message_id]
    counts = (await outbox.http.get("/messages/counts", headers=outbox.tokens.headers(partner))).json()
    assert (counts["BOUNCED"], counts["SENT"]) == (1, 0)
    assert 'switchboard_bounces_total{channel="email",subject="address"}' in (await outbox.http.get("/metrics")).text
    [attempt] = (await detail(outbox, partner, message_id))["history"]
    assert (attempt["outcome"], attempt["report"]["verdict"], attempt["report"]["code"]) == ("sent", "failed", "5.1.1")


async def test_only_what_is_about_the_address_says_that_the_recipient_is_refused(
    platform: Platform, mail: MailServer
) -> None:
    """A8: a full mailbox is no reason to leave somebody out."""
    outbox = await platform.service("outbox")
    partner, _, got = await sent_mail(outbox, mail)
    await hand_in(outbox, bounce_of(got, status="5.2.2", diagnostic="552 5.2.2 over quota"))
    [failed] = await failures(outbox, partner, 1)
    assert failed.reason == "bounced"


async def test_a_bounced_message_is_sent_again_and_an_old_report_does_not_return_it_twice(
    platform: Platform, mail: MailServer
) -> None:
    """B4: each attempt has an address of its own."""
    outbox = await platform.service("outbox")
    partner, message_id, first = await sent_mail(outbox, mail)
    await hand_in(outbox, bounce_of(first))
    await settled(outbox, partner, "BOUNCED")
    assert await resend(outbox, partner, message_id) == 200
    await settled(outbox, partner, "SENT")
    assert await resend(outbox, partner, message_id) == 409
    _, second = mail.to(first.recipients[0])
    assert (second.message_id, second.sender != first.sender) == (first.message_id, True)
    await hand_in(outbox, bounce_of(first))
    assert [one["status"] for one in await box(outbox, partner)] == ["SENT"]
    await hand_in(outbox, bounce_of(second))
    await settled(outbox, partner, "BOUNCED")
    assert [one.attempts for one in await failures(outbox, partner, 2)] == [1, 2]


async def test_a_report_that_comes_before_our_own_result_is_not_lost(platform: Platform) -> None:
    """B2: some servers return a mail while they are still answering."""
    outbox = await platform.service("outbox")
    async with listening(Scripted(delay=2)) as server:
        partner, _ = await sender_account(outbox, server, bounce_domain=DOMAIN)
        wanted = message(partner, address())
        await request(outbox, wanted)
        await eventually(lambda: server.count(".") == 1)
        [sender] = [line.partition("<")[2].partition(">")[0] for line in server.heard if line.startswith("MAIL")]
        await hand_in(outbox, returned(sender))
        assert [one["status"] for one in await box(outbox, partner)] == ["SENDING"]
        await settled(outbox, partner, "BOUNCED")
        assert (await detail(outbox, partner, wanted.message_id))["provider_id"]
        assert len(await failures(outbox, partner, 1)) == 1
        assert await outbox.database["early_reports"].count_documents({"partner_id": partner}) == 0


async def test_a_report_of_an_attempt_that_another_followed_is_only_noted(platform: Platform, mail: MailServer) -> None:
    """B2, B10: the answer to the first was lost; what the second came to is what counts."""
    outbox = await platform.service("outbox", instance="retrying", RETRY_SCHEDULE_SECONDS="0.1")
    partner, _ = await sender_account(outbox, mail, bounce_domain=DOMAIN)
    wanted = message(partner, address())
    mail.answer_data(wanted.recipient.address, [DROP])
    await request(outbox, wanted)
    await settled(outbox, partner, "SENT")
    first, second = mail.to(wanted.recipient.address)
    await hand_in(outbox, bounce_of(first))
    [unknown, sent] = (await detail(outbox, partner, wanted.message_id))["history"]
    assert (unknown["report"]["verdict"], sent["report"]) == ("failed", None)
    assert [one["status"] for one in await box(outbox, partner)] == ["SENT"]
    await hand_in(outbox, bounce_of(second))
    await settled(outbox, partner, "BOUNCED")


async def test_a_bounce_is_later_than_the_sending_whatever_the_clocks_say(platform: Platform, mail: MailServer) -> None:
    """B2: who hears of both believes the later."""
    outbox = await platform.service("outbox")
    _, message_id, got = await sent_mail(outbox, mail)
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    await outbox.database["messages"].update_one({"_id": message_id}, {"$set": {"executed_at": ahead}})
    await hand_in(outbox, bounce_of(got))
    [failed] = await outbox.io.follow(MessageFailed).wait_for(lambda event: event.data.message_id == message_id)
    assert failed.data.executed_at > ahead


async def test_every_mail_of_a_pipelined_connection_has_its_own_sender(platform: Platform, mail: MailServer) -> None:
    """B10: the envelope of the next mail leaves before the answer to this one. Without a bounce domain it is `From`."""
    outbox = await platform.service("outbox")
    async with listening(Scripted()) as server:
        partner, _ = await sender_account(outbox, server, bounce_domain=DOMAIN, max_connections=1)
        wanted = [message(partner, address()) for _ in range(30)]
        await request(outbox, *wanted)
        await settled(outbox, partner, *["SENT"] * 30)
        said = [line.partition("<")[2].partition(">")[0] for line in server.heard if line.startswith(("MAIL", "RCPT"))]
        ids = {one.recipient.address: one.message_id for one in wanted}
        pairs = dict(zip(said[1::2], said[::2], strict=True))
        assert {to: sender.partition("+")[2].partition(".")[0] for to, sender in pairs.items()} == ids
        named = [message_from_bytes(one)["Errors-To"].strip("<>") for one in server.contents]
        assert sorted(named) == sorted(pairs.values())
    partner, _ = await sender_account(outbox, mail)
    to = address()
    await request(outbox, message(partner, to))
    await settled(outbox, partner, "SENT")
    [got] = mail.to(to)
    assert (got.sender, got.message["Errors-To"]) == ("shop@kettle.example.com", None)


async def test_what_proves_nothing_changes_nothing(platform: Platform, mail: MailServer) -> None:
    """B2: a forged address, another message's proof, a holiday note, nonsense; and a delay is only noted."""
    outbox = await platform.service("outbox")
    partner, message_id, got = await sent_mail(outbox, mail)
    _, other_id, other = await sent_mail(outbox, mail)
    forged = [
        got.sender.replace(message_id, other_id),
        got.sender.replace(".1.", ".2."),
        f"bounce+{message_id}.1.{'a' * 16}@{DOMAIN}",
    ]
    assert {await hand_in(outbox, returned(one)) for one in forged} == {"not_ours"}
    assert await hand_in(outbox, holiday_note(got.sender)) == "auto_reply"
    assert await hand_in(outbox, b"\xff" * 1000) == "no_report"
    assert await hand_in(outbox, bounce_of(other, action="delayed", status="4.4.1")) == "pending"
    assert await hand_in(outbox, bounce_of(got, action="delayed", status="4.4.1")) == "pending"
    shown = await detail(outbox, partner, message_id)
    assert (shown["status"], shown["history"][0]["report"]["verdict"]) == ("SENT", "pending")
    await hand_in(outbox, bounce_of(got, action="delivered", status="2.0.0"))
    assert await hand_in(outbox, bounce_of(got)) == "failed"
    shown = await detail(outbox, partner, message_id)
    assert (shown["status"], shown["delivered_at"]) == ("SENT", shown["history"][0]["report"]["at"])


async def test_a_report_on_a_message_that_is_gone_is_taken_and_forgotten(platform: Platform, mail: MailServer) -> None:
    """B3, B6."""
    outbox = await platform.service("outbox")
    partner, message_id, got = await sent_mail(outbox, mail)
    headers = outbox.tokens.headers(partner)

    async def is_deleted() -> bool:
        return (await outbox.http.delete(f"/messages/{message_id}", headers=headers)).status_code == 204

    await eventually(is_deleted)
    assert await hand_in(outbox, bounce_of(got)) == "gone"


async def test_nothing_is_pruned_deleted_or_sent_again_before_its_bounce_is_announced(
    platform: Platform, mail: MailServer
) -> None:
    """B3, B4, B6, F6: what a dead process left unannounced is announced by another, from the message itself."""
    apart = await platform.apart("unannounced")
    outbox = await apart.service("outbox", PRUNE_LOOK_SECONDS="0.05")
    partner, message_id, _ = await sent_mail(outbox, mail)
    messages, headers, now = outbox.database["messages"], outbox.tokens.headers(partner), datetime.now(UTC)
    later = {"at": now, "due_at": now + timedelta(minutes=5), "reason": "bounced", "words": "no", "attempts": 1}
    old = now - timedelta(days=8)
    became: Document = {"status": "BOUNCED", "executed_at": old, "error": "no", "unannounced": later}
    await messages.update_one({"_id": message_id}, {"$set": became})
    for method, path in (("POST", f"/messages/{message_id}/resend"), ("DELETE", f"/messages/{message_id}")):
        assert problem(await outbox.http.request(method, path, headers=headers)) == (409, "still-sending")
    await request(outbox, message(partner, address()))
    await settled(outbox, partner, "BOUNCED", "SENT")
    await messages.update_one({"_id": message_id}, {"$set": {"unannounced.due_at": now}})
    [failed] = await failures(outbox, partner, 1)
    assert (failed.message_id, failed.reason, failed.provider_reply) == (message_id, "bounced", "no")
    await request(outbox, message(partner, address()))
    await settled(outbox, partner, "SENT", "SENT")


async def test_two_processes_announce_a_bounce_once(platform: Platform, mail: MailServer) -> None:
    """F6, B10: whichever of a hundred reports comes first."""
    apart = await platform.apart("two-reporters")
    outbox = await apart.service("outbox")
    other = await apart.replica(outbox)
    partner, _, got = await sent_mail(outbox, mail)
    raw = bounce_of(got)
    said = await asyncio.gather(*(hand_in((outbox, other)[i % 2], raw) for i in range(100)))
    assert set(said) == {"failed"}
    await settled(outbox, partner, "BOUNCED")
    assert len(await failures(outbox, partner, 1)) == 1
    _, _, last = await sent_mail(outbox, mail)
    await hand_in(outbox, bounce_of(last))
    await eventually(lambda: len(outbox.io.follow(MessageFailed).events) >= 2)
    assert len(outbox.io.follow(MessageFailed).events) == 2
    await other.stop()


@pytest.mark.parametrize("announced", [True, False])
async def test_a_mail_that_is_too_large_is_refused(platform: Platform, announced: bool) -> None:
    """B11: whether it says so or not; and only whoever may report hands in anything."""
    outbox = await platform.service("outbox", instance="small", INBOUND_MOST_BYTES="1000", REPORTS_PER_MINUTE="3")
    headers = outbox.tokens.headers("platform", Permission.REPORTS_WRITE)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    answer = await outbox.http.post("/inbound/mail", content=b"x" * 1001 if announced else parts(), headers=headers)
    assert problem(answer) == (413, "report-too-large")
    reader = outbox.tokens.headers("platform", Permission.OUTBOX_READ)
    assert (await outbox.http.post("/inbound/mail", content=b"x", headers=reader)).status_code == 403


async def test_a_mail_server_that_reports_too_much_has_to_wait(platform: Platform) -> None:
    """B11: and nobody else has to."""
    outbox = await platform.service("outbox", instance="small", INBOUND_MOST_BYTES="1000", REPORTS_PER_MINUTE="3")
    loud, quiet = (outbox.tokens.headers("platform", user_id=unique("mch")) for _ in range(2))
    answers = [await outbox.http.post("/inbound/mail", content=b"x", headers=loud) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) == 21
    assert (await outbox.http.post("/inbound/mail", content=b"x", headers=quiet)).status_code == 200
