"""Delivery over a real SMTP server: what is sent, what is tried again, and what survives a kill (B2, B10, B11, F6)."""

import asyncio
import json
import re
from collections import Counter
from typing import Any
from uuid import uuid4

from common.events import Content, MessageFailed, MessageSent
from tests.support.eventually import eventually, unique
from tests.support.mail import DROP, MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform


def address(name: str = "ann") -> str:
    return f"{unique(name).replace('_', '-')}@x.example"


async def test_a_message_is_sent_through_the_partners_own_account(platform: Platform, mail: MailServer) -> None:
    """B2, B8, B11: with the provider's reply kept, and announced."""
    outbox = await platform.service("outbox")
    partner, account = await sender_account(outbox, mail, username="shop", password="good password")
    to = address()
    wanted = message(partner, to, content=Content(subject="Zamówienie 1", text="Dzień dobry", html="<p>Dzień</p>"))
    await request(outbox, wanted)
    [row] = await settled(outbox, partner, "SENT")
    assert (row["account_id"], row["attempts"], row["order_number"], row["title"]) == (
        account,
        1,
        "A-1",
        "Zamówienie 1",
    )
    assert row["executed_at"] >= row["requested_at"]
    [got] = mail.to(to)
    assert got.auth_user == "shop"
    assert (got.message["Subject"], got.message_id) == ("Zamówienie 1", f"<{wanted.message_id}@kettle.example.com>")
    assert got.message["From"] == "Kettle <shop@kettle.example.com>"
    detail = await outbox.http.get(f"/messages/{wanted.message_id}", headers=platform.tokens.headers(partner))
    [attempt] = detail.json()["history"]
    assert (attempt["outcome"], attempt["code"]) == ("sent", 250)
    assert attempt["reply"].startswith("250 2.0.0 OK: queued as")
    [event] = await platform.io.follow(MessageSent).wait_for(lambda e: e.data.partner_id == partner)
    assert (event.data.message_id, event.data.order_number) == (wanted.message_id, "A-1")


async def test_a_refused_recipient_ends_in_error_at_once_with_the_providers_words(
    platform: Platform, mail: MailServer
) -> None:
    """B10: its neighbours on the same connection are sent."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail, max_connections=1)
    bad, good = address("bad"), [address() for _ in range(3)]
    mail.answer(bad, "550 5.1.1 no such mailbox")
    await request(outbox, *(message(partner, to) for to in (good[0], bad, good[1], bad, good[2])))
    rows = await settled(outbox, partner, "SENT", "SENT", "SENT", "ERROR", "ERROR")
    assert {row["error"] for row in rows if row["status"] == "ERROR"} == {"550 5.1.1 no such mailbox"}
    assert [len(mail.to(to)) for to in good] == [1, 1, 1]
    events = await platform.io.follow(MessageFailed).wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert {(e.data.reason, e.data.provider_reply) for e in events} == {
        ("recipient_refused", "550 5.1.1 no such mailbox")
    }


async def test_a_transient_answer_is_tried_again_with_the_same_message_id(platform: Platform, mail: MailServer) -> None:
    """B10: and the box shows every attempt."""
    outbox = await platform.service("outbox", instance="fast-retry", RETRY_SCHEDULE_SECONDS="0.1,0.1")
    partner, _ = await sender_account(outbox, mail)
    to = address("grey")
    mail.answer(to, ["450 4.2.0 greylisted", "451 4.3.0 busy"])
    wanted = message(partner, to)
    await request(outbox, wanted)
    [row] = await settled(outbox, partner, "SENT")
    assert (row["attempts"], row["possible_duplicate"]) == (3, False)
    assert [got.message_id for got in mail.to(to)] == [f"<{wanted.message_id}@kettle.example.com>"]
    headers = outbox.tokens.headers(partner)
    history = (await outbox.http.get(f"/messages/{wanted.message_id}", headers=headers)).json()["history"]
    assert [one["code"] for one in history] == [450, 451, 250]


async def test_an_answer_lost_after_the_last_dot_is_a_possible_duplicate(platform: Platform, mail: MailServer) -> None:
    """B10: the one window there is; the repetition carries the same Message-ID."""
    outbox = await platform.service("outbox", instance="fast-retry", RETRY_SCHEDULE_SECONDS="0.1,0.1")
    partner, _ = await sender_account(outbox, mail)
    to = address("lost")
    mail.answer_data(to, [DROP])
    await request(outbox, message(partner, to))
    [row] = await settled(outbox, partner, "SENT")
    assert (row["possible_duplicate"], row["attempts"]) == (True, 2)
    assert len({got.message_id for got in mail.to(to)}) == 1
    assert len(mail.to(to)) == 2


async def test_a_connection_lost_before_the_content_is_no_duplicate(platform: Platform, mail: MailServer) -> None:
    """B10."""
    outbox = await platform.service("outbox", instance="fast-retry", RETRY_SCHEDULE_SECONDS="0.1,0.1")
    partner, _ = await sender_account(outbox, mail)
    to = address("early")
    mail.answer(to, [DROP])
    await request(outbox, message(partner, to))
    [row] = await settled(outbox, partner, "SENT")
    assert (row["possible_duplicate"], len(mail.to(to))) == (False, 1)


async def test_an_impossible_address_ends_in_error_and_takes_nobody_along(platform: Platform, mail: MailServer) -> None:
    """B10: it must not hang in SENDING for as long as the process lives."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail, max_connections=1)
    await request(outbox, message(partner, "ann@-\u017c.example"), message(partner, address()))
    rows = await settled(outbox, partner, "ERROR", "SENT", timeout=10)
    assert [row["error"] for row in rows if row["status"] == "ERROR"] == ["the address has a domain that cannot be"]


async def test_every_attempt_is_a_span_in_the_messages_own_trace(platform: Platform, mail: MailServer) -> None:
    """F4: also one that never came to speak; ids and codes, no addresses; the announcement continues it."""
    outbox = await platform.service("outbox", instance="traced", OTEL_TRACES_EXPORTER="console", LEASE_SECONDS="1")
    partner, account = await sender_account(outbox, mail, username="shop", password="wrong")
    trace_id, to = uuid4().hex, address("traced")
    wanted = message(partner, to)
    trace = f"00-{trace_id}-00f067aa0ba902b7-01"
    await outbox.io.publish(wanted, event_id=wanted.message_id, trace=trace)

    def spans() -> list[dict[str, Any]]:
        found = re.findall(r"^\{\n.*?^\}$", outbox.log_text(), re.MULTILINE | re.DOTALL)
        parsed = [json.loads(one) for one in found]
        return [one for one in parsed if one["name"] == "smtp deliver" and trace_id in one["context"]["trace_id"]]

    await eventually(lambda: len(spans()) == 1)
    headers = outbox.tokens.headers(partner)
    fields = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": mail.port}
    fields |= {"tls": "none", "username": "shop", "password": "right", "is_default": True}
    assert (await outbox.http.put(f"/accounts/{account}", json=fields, headers=headers)).status_code == 200
    await eventually(lambda: len(spans()) == 2)
    seen = [(one["attributes"]["message.attempt"], one["attributes"]["smtp.code"]) for one in spans()]
    assert seen == [(1, 535), (2, 250)]
    assert all(one["kind"] == "SpanKind.CLIENT" for one in spans())
    assert to not in json.dumps(spans())
    [sent] = await outbox.io.follow(MessageSent).wait_for(lambda e: e.data.message_id == wanted.message_id)
    assert sent.trace is not None
    assert spans()[1]["context"]["span_id"].removeprefix("0x") in sent.trace


async def test_what_is_tried_for_too_long_ends_in_error(platform: Platform, mail: MailServer) -> None:
    """B10."""
    outbox = await platform.service(
        "outbox", instance="impatient", RETRY_SCHEDULE_SECONDS="0.1", MAX_AGE_HOURS="0.0001"
    )
    partner, _ = await sender_account(outbox, mail)
    to = address("never")
    mail.answer(to, "450 4.2.0 greylisted")
    await request(outbox, message(partner, to))
    [row] = await settled(outbox, partner, "ERROR")
    assert row["error"] == "450 4.2.0 greylisted"
    [event] = await outbox.io.follow(MessageFailed).wait_for(lambda e: e.data.partner_id == partner)
    assert event.data.reason == "expired"


async def test_a_wrong_password_waits_and_is_seen_in_health(platform: Platform, mail: MailServer) -> None:
    """B9, B11: the message is not burned; once the password is right it leaves by itself."""
    outbox = await platform.service("outbox", instance="health", LEASE_SECONDS="1")
    partner, account = await sender_account(outbox, mail, username="shop", password="wrong")
    headers = outbox.tokens.headers(partner)
    tested = await outbox.http.post(f"/accounts/{account}/test", headers=headers)
    assert tested.json()["works"] is False
    assert tested.json()["words"].startswith("535")
    await request(outbox, message(partner, address()))

    async def is_failing() -> bool:
        [one] = (await outbox.http.get("/accounts/health", headers=headers)).json()
        return one["works"] is False and one["failing_since"] and one["error"].startswith("535")

    await eventually(is_failing)
    [row] = await box(outbox, partner)
    assert (row["status"], row["error"][:3]) == ("WAITING", "535")
    fields = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": mail.port}
    fields |= {"tls": "none", "username": "shop", "password": "right", "is_default": True}
    assert (await outbox.http.put(f"/accounts/{account}", json=fields, headers=headers)).status_code == 200
    await settled(outbox, partner, "SENT")


async def test_without_an_account_a_message_waits_for_one(platform: Platform, mail: MailServer) -> None:
    """B11: nothing is lost by the order in which things are set up."""
    outbox = await platform.service("outbox")
    partner, to = unique("prt"), address()
    await request(outbox, message(partner, to))
    [row] = await settled(outbox, partner, "WAITING")
    assert row["error"] == "no_sender_account"
    await sender_account(outbox, mail, partner=partner)
    await settled(outbox, partner, "SENT")
    assert len(mail.to(to)) == 1


async def test_a_repeated_request_is_sent_once(platform: Platform, mail: MailServer) -> None:
    """F6."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    wanted, to = message(partner, address()), address("last")
    await request(outbox, wanted, wanted, wanted)
    await settled(outbox, partner, "SENT")
    await request(outbox, wanted, message(partner, to))
    await settled(outbox, partner, "SENT", "SENT")
    assert len(mail.to(wanted.recipient.address)) == 1


async def test_a_killed_process_loses_no_mail_and_counts_what_may_be_double(
    platform: Platform, mail: MailServer
) -> None:
    """F6: SIGKILL twice in the middle of 600 mails."""
    outbox = await platform.service("outbox", instance="killed", LEASE_SECONDS="1")
    partner, _ = await sender_account(outbox, mail)
    wanted = [message(partner, address("k")) for _ in range(600)]
    targets = {one.recipient.address for one in wanted}

    def arrived() -> int:
        return len({to for got in list(mail.received) for to in got.recipients} & targets)

    await request(outbox, *wanted)
    for part in (50, 250):
        await eventually(lambda part=part: arrived() > part, timeout=20)
        outbox.kill()
        await outbox.start()
    headers = outbox.tokens.headers(partner)

    async def all_sent() -> bool:
        return (await outbox.http.get("/messages/counts", headers=headers)).json()["SENT"] == 600

    await eventually(all_sent, timeout=40)
    assert arrived() == 600
    copies = Counter(got.message_id for got in list(mail.received) if set(got.recipients) & targets)
    documents = outbox.database["messages"].find({"partner_id": partner, "possible_duplicate": True}, {"_id": 1})
    marked = {f"<{one['_id']}@kettle.example.com>" async for one in documents}
    assert {message_id for message_id, count in copies.items() if count > 1} <= marked
    assert len(copies) == 600
    facts = outbox.io.follow(MessageSent)
    await eventually(lambda: len({e.data.message_id for e in facts.events}) == 600, timeout=20)

    async def nothing_is_left_to_announce() -> bool:
        return await outbox.database["announcements"].count_documents({}) == 0

    await eventually(nothing_is_left_to_announce)


async def test_sigterm_leaves_nothing_in_flight_and_doubles_nothing(platform: Platform, mail: MailServer) -> None:
    """F6: what was not begun is given back, what was begun is finished."""
    outbox = await platform.service("outbox", instance="stopped")
    partner, _ = await sender_account(outbox, mail)
    wanted = [message(partner, address("s")) for _ in range(400)]
    targets = {one.recipient.address for one in wanted}
    await request(outbox, *wanted)

    def copies() -> Counter[str]:
        return Counter(to for got in list(mail.received) for to in got.recipients if to in targets)

    await eventually(lambda: copies().total() > 30)
    await outbox.stop()
    assert await outbox.database["messages"].count_documents({"status": "SENDING"}) == 0
    await outbox.start()
    await eventually(lambda: copies().total() == 400, timeout=30)
    assert set(copies().values()) == {1}


async def test_secrets_and_addresses_are_in_no_answer_and_no_log(platform: Platform, mail: MailServer) -> None:
    """B11."""
    outbox = await platform.service("outbox")
    partner, account = await sender_account(outbox, mail, username="canary-user", password="canary-secret")
    to = address("canary")
    await request(outbox, message(partner, to))
    await settled(outbox, partner, "SENT")
    headers = platform.tokens.headers(partner)
    texts = [outbox.log_text(), (await outbox.http.get("/accounts", headers=headers)).text]
    texts.append((await outbox.http.get("/messages", headers=headers)).text)
    stored = await outbox.database["accounts"].find_one({"_id": account})
    assert "canary-secret" not in json.dumps(texts) + str(stored)
    assert to not in outbox.log_text()


async def test_an_account_cannot_reach_the_operators_inner_network(platform: Platform, mail: MailServer) -> None:
    """B11: only what the operator allows; the refusal is in words."""
    outbox = await platform.service("outbox", instance="guarded", SMTP_ALLOWED_INNER_HOSTS="", SMTP_PORTS="25,587")
    refused = {"name": "x", "from_address": "a@b.example.com", "host": "127.0.0.1", "port": 1, "tls": "none"}
    headers = outbox.tokens.headers("prt_x")
    answer = await outbox.http.post("/accounts", json=refused, headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "port-refused")
    for host in ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"):
        made = await outbox.http.post("/accounts", json=refused | {"host": host, "port": 25}, headers=headers)
        tested = await outbox.http.post(f"/accounts/{made.json()['id']}/test", headers=headers)
        assert tested.json() == {"works": False, "words": f"{host} is inside the operator's network"}


async def test_changing_an_unknown_account_leaves_the_default_one(platform: Platform, mail: MailServer) -> None:
    """B11: nor does it for an account of somebody else."""
    outbox = await platform.service("outbox")
    partner, account = await sender_account(outbox, mail)
    _, foreign = await sender_account(outbox, mail)
    headers = outbox.tokens.headers(partner)
    fields = {"name": "x", "from_address": "a@b.example.com", "host": "127.0.0.1", "port": mail.port, "tls": "none"}
    for other in ("acc_unknown", foreign):
        answer = await outbox.http.put(f"/accounts/{other}", json=fields | {"is_default": True}, headers=headers)
        assert answer.status_code == 404
    listed = (await outbox.http.get("/accounts", headers=headers)).json()
    assert [(one["id"], one["is_default"]) for one in listed] == [(account, True)]


async def test_of_accounts_made_at_the_same_time_one_is_the_default(platform: Platform, mail: MailServer) -> None:
    """B11."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    answers = await asyncio.gather(*(sender_account(outbox, mail, partner=partner) for _ in range(20)))
    assert len({account for _, account in answers}) == 20
    listed = (await outbox.http.get("/accounts", headers=outbox.tokens.headers(partner))).json()
    assert sum(one["is_default"] for one in listed) == 1


async def test_since_when_an_account_fails_survives_a_restart(platform: Platform, mail: MailServer) -> None:
    """B9."""
    outbox = await platform.service("outbox", instance="since", LEASE_SECONDS="1", RETRY_SCHEDULE_SECONDS="0.2")
    partner, _ = await sender_account(outbox, mail, username="shop", password="wrong")
    headers = outbox.tokens.headers(partner)
    await request(outbox, message(partner, address()))

    async def since() -> str | None:
        [one] = (await outbox.http.get("/accounts/health", headers=headers)).json()
        return one["failing_since"]

    first = await eventually(since)
    [before] = await box(outbox, partner)
    outbox.kill()
    await outbox.start()
    health = outbox.database["accounts"]

    async def failed_again() -> bool:
        [row] = await box(outbox, partner)
        found = await health.find_one({"partner_id": partner})
        assert found is not None
        return row["attempts"] > before["attempts"] and found["health"]["failed_at"] > found["health"]["failing_since"]

    await eventually(failed_again)
    assert await since() == first


async def test_a_hundred_simultaneous_presses_send_once(platform: Platform, mail: MailServer) -> None:
    """B4."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    to = address("pressed")
    mail.answer(to, ["554 5.6.0 looks like spam"])
    wanted = message(partner, to)
    await request(outbox, wanted)
    await settled(outbox, partner, "ERROR")
    url, headers = f"/messages/{wanted.message_id}/resend", platform.tokens.headers(partner)
    answers = await asyncio.gather(*(outbox.http.post(url, headers=headers) for _ in range(100)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    await settled(outbox, partner, "SENT")
    assert len(mail.to(to)) == 1
    late = await outbox.http.post(url, headers=headers)
    assert (late.status_code, late.json()["type"].rpartition("/")[2]) == (409, "already-sent")


async def test_an_order_is_not_behind_a_campaign(platform: Platform, mail: MailServer) -> None:
    """Fairness: priority decides, not the time of arrival."""
    outbox = await platform.service("outbox", instance="fair")
    partner = unique("prt")
    campaign = [message(partner, address("c"), kind="campaign.launched", priority=7) for _ in range(800)]
    order = message(partner, address("o"), priority=1)
    await request(outbox, *campaign, order)

    async def all_there() -> bool:
        counts = await outbox.http.get("/messages/counts", headers=outbox.tokens.headers(partner))
        return counts.json()["WAITING"] == 801

    await eventually(all_there)
    await sender_account(outbox, mail, partner=partner, max_connections=1)
    await eventually(lambda: mail.to(order.recipient.address), timeout=20)
    ahead = {to for got in list(mail.received) for to in got.recipients} & {one.recipient.address for one in campaign}
    assert len(ahead) <= 520, "at most what was claimed together with it"
