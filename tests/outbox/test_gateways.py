"""Texts and faxes over HTTP and SMTP: what is sent, tried again, and doubted (B1, B2, B10, B11, C6)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.events import MessageFailed, MessageRequested, MessageSent
from tests.outbox.texting import add_account, detail, http_fields, number, sms, smsapi_fields
from tests.support.eventually import eventually, unique
from tests.support.gateways import DROPPED_AFTER, SILENT_AFTER, Gateway, Scripted, listening
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service

LIMITED = Scripted(429, b'{"message": "slow down"}', {"Retry-After": "2"})


async def quick(platform: Platform) -> Service:
    """An outbox that does not wait long for anything."""
    settings = {"RETRY_SCHEDULE_SECONDS": "0.1", "GATEWAY_TIMEOUT_SECONDS": "0.5", "LEASE_SECONDS": "1"}
    return await platform.service("outbox", instance="texts", **settings)


async def test_an_sms_leaves_through_the_partners_own_gateway(platform: Platform) -> None:
    """B1, B2, B11: SMSAPI's id of it is kept and announced, and the box says how many parts it has."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, account = await add_account(outbox, smsapi_fields(gateway))
        wanted = sms(partner, text="Zamówienie A-1: 2 × czajnik")
        await request(outbox, wanted)
        [row] = await settled(outbox, partner, "SENT")
        assert (row["account_id"], row["from_address"], row["channel"]) == (account, "Kettle", "sms")
        [got] = gateway.accepted
        assert (got.to, got.text, got.sender) == (wanted.recipient.address[1:], wanted.content.text, "Kettle")
        [asked] = gateway.requests
        assert (asked.fields["idx"], asked.fields["check_idx"], asked.fields["format"]) == (got.key, "1", "json")
        assert got.key == wanted.message_id
        shown = await detail(outbox, partner, wanted.message_id)
        assert (shown["provider_id"], shown["history"][0]["reply"]) == (got.provider_id, "200 QUEUE")
        assert shown["segments"] == {"alphabet": "ucs2", "units": 27, "parts": 1}
        [event] = await outbox.io.follow(MessageSent).wait_for(lambda e: e.data.partner_id == partner)
        assert (event.data.channel, event.data.provider_id) == ("sms", got.provider_id)


async def test_each_channel_has_its_own_default_and_waits_for_it(platform: Platform, mail: MailServer) -> None:
    """B11: a text waits though mail has an account, and leaves at once when a gateway is added."""
    outbox = await platform.service("outbox")
    partner, mailing = await sender_account(outbox, mail)
    text = sms(partner)
    await request(outbox, text, message(partner, f"{unique('ann').replace('_', '-')}@x.example"))
    rows = await settled(outbox, partner, "WAITING", "SENT")
    assert [row["error"] for row in rows if row["channel"] == "sms"] == ["no_sender_account"]
    async with listening(Gateway()) as gateway:
        _, texting = await add_account(outbox, smsapi_fields(gateway), partner)
        await settled(outbox, partner, "SENT", "SENT")
        assert [one.key for one in gateway.accepted] == [text.message_id]
        listed = (await outbox.http.get("/accounts", headers=outbox.tokens.headers(partner))).json()
        assert {one["id"]: (one["channel"], one["is_default"]) for one in listed} == {
            mailing: ("email", True),
            texting: ("sms", True),
        }


@pytest.mark.parametrize(("channel", "to"), [("sms", "sms"), ("whatsapp", "whatsapp"), ("viber", "viber")])
async def test_any_gateway_that_takes_json_is_told_in_its_own_words(platform: Platform, channel: str, to: str) -> None:
    """B11, C6: the account says how its document looks and where the id is in the answer."""
    outbox = await platform.service("outbox")
    body = {"to": "{to}", "text": "{text}", "from": "{sender}", "via": {"channel": "{channel}", "refs": ["m/{id}"]}}
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, http_fields(gateway, channel=channel, body=body))
        wanted = sms(partner, text='{id} "quoted" {to}', channel=channel)
        await request(outbox, wanted)
        await settled(outbox, partner, "SENT")
        [asked] = gateway.requests
        assert asked.fields == {
            "to": wanted.recipient.address,
            "text": wanted.content.text,
            "from": "Kettle",
            "via": {"channel": to, "refs": [f"m/{wanted.message_id}"]},
        }
        shown = await detail(outbox, partner, wanted.message_id)
        assert shown["provider_id"] == gateway.accepted[0].provider_id
        assert (shown["segments"] is None) == (channel != "sms")


async def test_a_fax_leaves_as_a_mail_to_its_number(platform: Platform, mail: MailServer) -> None:
    """B11: the box shows the number, and the mail server gets the address that the account's pattern makes of it."""
    outbox, to = await platform.service("outbox"), number()
    fields = {"via": "fax_by_mail", "name": "Fax", "from_address": "shop@kettle.example.com", "host": "127.0.0.1"}
    fields |= {"address_pattern": "{number}@fax.example"}
    partner, _ = await add_account(outbox, {**fields, "port": mail.port, "tls": "none", "is_default": True})
    await request(outbox, sms(partner, to, channel="fax"))
    [row] = await settled(outbox, partner, "SENT")
    assert row["recipient"]["address"] == to
    assert len(mail.to(f"{to[1:]}@fax.example")) == 1


async def test_an_sms_whose_answer_was_lost_is_asked_for_again_and_sent_once(platform: Platform) -> None:
    """B10: SMSAPI knows the repeated idx (error 53), so it is no possible duplicate."""
    outbox = await quick(platform)
    for lost in (DROPPED_AFTER, SILENT_AFTER, Scripted(504, after=True), Scripted(200, b"<html>", after=True)):
        async with listening(Gateway()) as gateway:
            partner, _ = await add_account(outbox, smsapi_fields(gateway))
            wanted = sms(partner)
            gateway.script[wanted.recipient.address] = [lost]
            await request(outbox, wanted)
            [row] = await settled(outbox, partner, "SENT")
            assert (row["attempts"], row["possible_duplicate"]) == (2, False), lost
            assert (len(gateway.accepted), gateway.doubled) == (1, [])
            history = (await detail(outbox, partner, wanted.message_id))["history"]
            assert [one["outcome"] for one in history] == ["unknown", "sent"]


@pytest.mark.parametrize("knows_it", [True, False])
async def test_smsapi_is_doubted_once_it_knows_the_idx_no_more(platform: Platform, knows_it: bool) -> None:
    """F6: it knows it for a day, and we try for three; where it says that it has the text, there is no doubt."""
    outbox = await platform.service("outbox", instance="days", RETRY_SCHEDULE_SECONDS="60")
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        wanted = sms(partner)
        gateway.script[wanted.recipient.address] = [DROPPED_AFTER]
        await request(outbox, wanted)

        async def is_unknown() -> bool:
            return [(row["attempts"], row["possible_duplicate"]) for row in await box(outbox, partner)] == [(1, False)]

        await eventually(is_unknown)
        a_day_ago = datetime.now(UTC) - timedelta(days=1, minutes=1)
        await outbox.database["messages"].update_one({"_id": wanted.message_id}, {"$set": {"attempts.0.at": a_day_ago}})
        if not knows_it:
            gateway.accepted.clear()
        await outbox.http.post(f"/messages/{wanted.message_id}/resend", headers=outbox.tokens.headers(partner))
        [row] = await settled(outbox, partner, "SENT")
        assert (row["possible_duplicate"], len(gateway.accepted)) == (not knows_it, 1)


@pytest.mark.parametrize("header", ["Idempotency-Key", None])
async def test_a_lost_answer_is_a_doubt_only_where_the_gateway_does_not_know_repetitions(
    platform: Platform, header: str | None
) -> None:
    """B10: the account says whether its gateway keeps that promise."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, http_fields(gateway, idempotency_header=header))
        wanted = sms(partner)
        gateway.script[wanted.recipient.address] = [DROPPED_AFTER]
        await request(outbox, wanted)
        [row] = await settled(outbox, partner, "SENT")
        assert row["possible_duplicate"] is (header is None)
        assert len(gateway.accepted) == (1 if header else 2)


async def test_a_status_counts_though_the_rest_of_the_answer_is_lost(platform: Platform) -> None:
    """B10: the gateway says that it has the text, and would send it again if it were asked again."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, http_fields(gateway))
        wanted = sms(partner)
        cut = Scripted(202, b'{"result": {"id": "gw-1"}}', {"Content-Length": "1000"}, after=True)
        gateway.script[wanted.recipient.address] = [cut]
        await request(outbox, wanted)
        [row] = await settled(outbox, partner, "SENT")
        assert (row["attempts"], row["possible_duplicate"], len(gateway.accepted)) == (1, False, 1)
        assert (await detail(outbox, partner, wanted.message_id))["provider_id"] == "gw-1"


async def test_what_one_gateway_may_have_is_a_doubt_once_another_gets_it(platform: Platform) -> None:
    """B10: only the gateway that has it would know it again."""
    outbox = await platform.service("outbox", instance="moved", RETRY_SCHEDULE_SECONDS="60")
    async with listening(Gateway()) as old, listening(Gateway()) as new:
        partner, account = await add_account(outbox, smsapi_fields(old))
        wanted, headers = sms(partner), outbox.tokens.headers(partner)
        old.script[wanted.recipient.address] = [DROPPED_AFTER]
        await request(outbox, wanted)

        async def is_unknown() -> bool:
            return [row["attempts"] for row in await box(outbox, partner)] == [1]

        await eventually(is_unknown)
        moved = await outbox.http.put(f"/accounts/{account}", json=smsapi_fields(new), headers=headers)
        assert moved.status_code == 200
        await outbox.http.post(f"/messages/{wanted.message_id}/resend", headers=headers)
        [row] = await settled(outbox, partner, "SENT")
        assert (row["possible_duplicate"], len(new.accepted)) == (True, 1)


async def test_a_gateway_that_says_when_gets_nothing_before(platform: Platform) -> None:
    """B10: everything in hand shares its answer, instead of each asking on its own."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner, wanted = await all_limited(outbox, gateway, 20)
        await add_account(outbox, smsapi_fields(gateway, max_connections=1), partner)

        async def all_told() -> bool:
            return {row["error"] for row in await box(outbox, partner)} == {'429 {"message": "slow down"}'}

        await eventually(all_told)
        first = await detail(outbox, partner, wanted[0].message_id)
        [attempt] = first["history"]
        due = datetime.fromisoformat(first["next_attempt_at"]) - datetime.fromisoformat(attempt["ended_at"])
        assert due.total_seconds() >= 2
        assert len(gateway.requests) == 1
        [health] = (await outbox.http.get("/accounts/health", headers=outbox.tokens.headers(partner))).json()
        assert health["works"] is not False
        gateway.script.clear()
        await settled(outbox, partner, *["SENT"] * 20)
        assert len(gateway.accepted) == 20


async def test_what_was_being_claimed_when_a_gateway_said_when_does_not_leave_before(platform: Platform) -> None:
    """B10: it waits as it did, and has had no attempt."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner, _ = await all_limited(outbox, gateway, 80)
        await add_account(outbox, smsapi_fields(gateway, max_connections=2), partner)
        told = {"partner_id": partner, "status": "WAITING", "error": '429 {"message": "slow down"}'}
        await eventually(lambda: has(outbox, 50, **told))
        await eventually(lambda: has(outbox, 80, partner_id=partner, status="WAITING"))
        assert len(gateway.requests) <= 2, "one for each connection"
        assert await has(outbox, 30, partner_id=partner, attempts=[])


@pytest.mark.parametrize("status", [202, 400, 504])
async def test_what_waits_while_a_gateway_says_when_shares_its_wait_and_not_what_became_of_another(
    platform: Platform, status: int
) -> None:
    """B2, B10: that one was taken, refused or lost, and when to ask again, says nothing of those behind it."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner, wanted = await all_limited(outbox, gateway, 20)
        once = [Scripted(status, headers={"Retry-After": "1"}, after=True)]
        gateway.script = dict.fromkeys((one.recipient.address for one in wanted), once)
        await add_account(outbox, http_fields(gateway, max_connections=1), partner)
        await eventually(lambda: len({one.to for one in gateway.accepted}) == 20)
        await eventually(lambda: has(outbox, 0, partner_id=partner, status={"$in": ["WAITING", "SENDING"]}))
        assert not await has(outbox, 0, partner_id=partner, status="SENT")
        assert await has(outbox, 1 if status == 504 else 0, partner_id=partner, possible_duplicate=True)
        assert await has(outbox, 1 if status == 400 else 0, partner_id=partner, status="ERROR")


async def all_limited(outbox: Service, gateway: Gateway, count: int) -> tuple[str, list[MessageRequested]]:
    """A new partner and its messages, which wait for an account; the gateway will not take them yet."""
    partner = unique("prt")
    wanted = [sms(partner) for _ in range(count)]
    gateway.script |= {one.recipient.address: [LIMITED] for one in wanted}
    await request(outbox, *wanted)
    await eventually(lambda: has(outbox, count, partner_id=partner, status="WAITING"))
    return partner, wanted


async def has(outbox: Service, count: int, **query: Any) -> bool:
    return await outbox.database["messages"].count_documents(query) == count


async def test_a_wait_that_a_gateway_asks_for_is_bounded(platform: Platform) -> None:
    """B10: nobody outside decides that a message waits for a year."""
    outbox = await platform.service(
        "outbox", instance="bounded", GATEWAY_LONGEST_WAIT_SECONDS="1", RETRY_SCHEDULE_SECONDS="0.1"
    )
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        wanted = sms(partner)
        gateway.script[wanted.recipient.address] = [Scripted(503, headers={"Retry-After": "31536000"})]
        await request(outbox, wanted)
        [row] = await settled(outbox, partner, "SENT")
        assert row["attempts"] == 2


async def test_trouble_of_the_gateway_is_tried_again_and_a_refusal_is_final(platform: Platform) -> None:
    """B10: the neighbours on the same connection are sent."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway, max_connections=1))
        busy, bad, good = sms(partner), sms(partner), sms(partner)
        gateway.script[busy.recipient.address] = [
            Scripted(500),
            Scripted(200, b'{"error": 201, "message": "internal"}'),
        ]
        gateway.script[bad.recipient.address] = [Scripted(200, b'{"error": 13, "message": "No correct phonenumbers"}')]
        await request(outbox, busy, bad, good)
        rows = {row["id"]: row for row in await settled(outbox, partner, "SENT", "SENT", "ERROR")}
        assert (rows[busy.message_id]["attempts"], rows[good.message_id]["attempts"]) == (3, 1)
        assert rows[bad.message_id]["error"] == "200 error 13: No correct phonenumbers"
        [event] = await outbox.io.follow(MessageFailed).wait_for(lambda e: e.data.partner_id == partner)
        assert (event.data.reason, event.data.channel) == ("recipient_refused", "sms")


async def test_a_token_that_is_refused_burns_no_message_and_is_seen_in_health(platform: Platform) -> None:
    """B9, B11: once the token is right they leave at once."""
    outbox = await quick(platform)
    async with listening(Gateway()) as gateway:
        partner = unique("prt")
        await request(outbox, *(sms(partner) for _ in range(30)))
        await settled(outbox, partner, *["WAITING"] * 30)
        _, account = await add_account(outbox, smsapi_fields(gateway, token="wrong"), partner)
        headers = outbox.tokens.headers(partner)

        async def is_failing() -> bool:
            [one] = (await outbox.http.get("/accounts/health", headers=headers)).json()
            return one["works"] is False and "error 101" in one["error"]

        await eventually(is_failing)
        assert len(gateway.requests) <= 4
        mended = await outbox.http.put(f"/accounts/{account}", json=smsapi_fields(gateway), headers=headers)
        assert mended.status_code == 200
        await settled(outbox, partner, *["SENT"] * 30)


async def test_a_dead_gateway_costs_its_own_lane_only(platform: Platform) -> None:
    """Fairness: and is asked by one connection at a time."""
    outbox = await quick(platform)
    async with listening(Gateway()) as alive, listening(Gateway(delay=3600)) as dead:
        failing, _ = await add_account(outbox, http_fields(dead))
        await request(outbox, *(sms(failing) for _ in range(50)))
        partner, _ = await add_account(outbox, smsapi_fields(alive))
        await request(outbox, *(sms(partner) for _ in range(50)))
        await settled(outbox, partner, *["SENT"] * 50)
        assert {row["status"] for row in await box(outbox, failing)} <= {"WAITING", "SENDING"}


async def test_a_connection_is_kept_and_one_that_ended_costs_no_attempt(platform: Platform) -> None:
    """B10: a new one is made, and the message leaves at once."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner = unique("prt")
        wanted = [sms(partner) for _ in range(20)]
        for one in wanted[::5]:
            gateway.script[one.recipient.address] = [
                Scripted(200, b'{"list": [{"id": "1", "status": "QUEUE"}]}', {"Connection": "close"})
            ]
        await request(outbox, *wanted)
        await settled(outbox, partner, *["WAITING"] * 20)
        await add_account(outbox, smsapi_fields(gateway, max_connections=1), partner)
        rows = await settled(outbox, partner, *["SENT"] * 20)
        assert {(row["attempts"], row["possible_duplicate"]) for row in rows} == {(1, False)}
        assert 4 <= gateway.connections <= 6


async def test_of_an_endless_answer_only_the_beginning_is_read(platform: Platform) -> None:
    """B11: what it says counts, and the connection is not used again."""
    outbox = await platform.service("outbox")
    async with listening(Gateway()) as gateway:
        partner, _ = await add_account(outbox, http_fields(gateway))
        wanted = sms(partner)
        endless = Scripted(200, b"x" * 1_000_000, {"Content-Length": "1000000000"})
        gateway.script[wanted.recipient.address] = [endless]
        await request(outbox, wanted)
        [row] = await settled(outbox, partner, "SENT")
        [attempt] = (await detail(outbox, partner, wanted.message_id))["history"]
        assert (row["attempts"], len(attempt["reply"])) == (1, 500)


async def test_a_killed_process_doubles_nothing_at_a_gateway_that_knows_repetitions(platform: Platform) -> None:
    """F6: SIGKILL twice in the middle of 400 texts; each is there once, and none is a doubt."""
    outbox = await platform.service("outbox", instance="killed", LEASE_SECONDS="1")
    async with listening(Gateway(delay=0.01)) as gateway:
        partner, _ = await add_account(outbox, smsapi_fields(gateway))
        await request(outbox, *(sms(partner) for _ in range(400)))
        for part in (50, 200):
            await eventually(lambda part=part: len(gateway.accepted) > part, timeout=20)
            outbox.kill()
            await outbox.start()
        headers = outbox.tokens.headers(partner)

        async def all_sent() -> bool:
            return (await outbox.http.get("/messages/counts", headers=headers)).json()["SENT"] == 400

        await eventually(all_sent, timeout=40)
        assert (len(gateway.accepted), gateway.doubled) == (400, [])
        assert len(gateway.posts()) > 400, "some were asked for twice, or nothing was shown"
        assert await outbox.database["messages"].count_documents({"possible_duplicate": True}) == 0
        facts = outbox.io.follow(MessageSent)
        await eventually(lambda: len({e.data.message_id for e in facts.events}) == 400, timeout=20)


async def test_texts_wait_for_no_slow_gateway_of_others(platform: Platform) -> None:
    """Fairness: a gateway that takes its time is asked over as many connections as its account says."""
    outbox = await platform.service("outbox")
    async with listening(Gateway(delay=0.2)) as gateway:
        partner = unique("prt")
        await request(outbox, *(sms(partner) for _ in range(40)))
        await settled(outbox, partner, *["WAITING"] * 40)
        started = asyncio.get_running_loop().time()
        await add_account(outbox, smsapi_fields(gateway, max_connections=8), partner)
        await settled(outbox, partner, *["SENT"] * 40)
        assert asyncio.get_running_loop().time() - started < 40 * 0.2 / 2
        assert gateway.connections <= 8
