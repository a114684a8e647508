"""The box of sent messages as people use it (B1, B3, B5–B8)."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from common.auth import Permission
from outbox.queue import QUEUE
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service


async def waiting_box(outbox: Service, count: int = 3) -> tuple[str, list[str]]:
    """A partner without account and so with `count` waiting messages; (partner, message ids)."""
    partner = unique("prt")
    wanted = [message(partner, f"ann{i}@x.example", order_number=f"O-{i}") for i in range(count)]
    await request(outbox, *wanted)
    await settled(outbox, partner, *["WAITING"] * count)
    return partner, [one.message_id for one in wanted]


async def test_every_filter_narrows_the_list(platform: Platform) -> None:
    """B5."""
    outbox = await platform.service("outbox")
    partner, ids = await waiting_box(outbox)
    now = datetime.now(UTC)
    expected: list[tuple[dict[str, Any], int]] = [
        ({}, 3),
        ({"channel": "email"}, 3),
        ({"channel": "sms"}, 0),
        ({"status": "WAITING"}, 3),
        ({"status": "SENT"}, 0),
        ({"order_number": "O-1"}, 1),
        ({"recipient": "ANN2@X.example"}, 1),
        ({"recipient": "ann"}, 3),
        ({"recipient": "x.exam"}, 3),
        ({"recipient": "@X.Example"}, 3),
        ({"recipient": "nn1"}, 0),
        ({"by": "executed_at"}, 0),
        ({"since": (now - timedelta(minutes=5)).isoformat()}, 3),
        ({"since": (now + timedelta(minutes=5)).isoformat()}, 0),
        ({"until": (now - timedelta(minutes=5)).isoformat()}, 0),
        ({"status": "WAITING", "recipient": "ann1", "order_number": "O-1"}, 1),
    ]
    for query, count in expected:
        assert len(await box(outbox, partner, **query)) == count, query
    assert {one["id"] for one in await box(outbox, partner)} == set(ids)
    headers = platform.tokens.headers(partner)
    for query in ({"since": "yesterday"}, {"until": "0001-01-01T00:00:00+23:59"}, {"status": "GONE"}, {"limit": 0}):
        assert (await outbox.http.get("/messages", params=query, headers=headers)).status_code == 422, query


async def test_the_list_is_newest_first_and_paged_without_gaps(platform: Platform) -> None:
    """B5."""
    outbox = await platform.service("outbox")
    partner, ids = await waiting_box(outbox, 7)
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await outbox.http.get("/messages", params=query, headers=platform.tokens.headers(partner))).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(one["id"] for one in seen) == sorted(ids)
    assert [one["requested_at"] for one in seen] == sorted((one["requested_at"] for one in seen), reverse=True)


async def test_no_job_of_the_engine_scans_the_collection(platform: Platform) -> None:
    """House rule: what runs every second must not read every message there is."""
    outbox = await platform.service("outbox")
    await waiting_box(outbox)
    now = datetime.now(UTC)
    each_account = {"$group": {"_id": "$account_id"}}
    per_account = {"$group": {"_id": "$account_id", "count": {"$sum": 1}}}
    queue = dict(QUEUE)
    due = {"status": "WAITING", "account_id": "acc_x", "due_at": {"$lte": now}}
    position = {"status": "WAITING", "account_id": "acc_x", "rank": 1, "due_at": now, "_id": "m"}
    became_due = {"status": "WAITING", "due_at": {"$gt": now - timedelta(seconds=5), "$lte": now}}
    held = {"waiting_reason": "no_sender_account"}
    commands: list[dict[str, Any]] = [
        {"find": "messages", "filter": due, "sort": queue, "hint": queue, "limit": 500},
        {"find": "messages", "filter": due, "sort": queue, "hint": queue, "min": position, "limit": 500},
        {
            "aggregate": "messages",
            "pipeline": [{"$match": became_due}, each_account],
            "cursor": {},
        },
        {"distinct": "messages", "key": "account_id", "query": {"status": "WAITING"}},
        {"find": "messages", "filter": {"status": "SENDING", "claim.until": {"$lt": now}}},
        {"find": "announcements", "filter": {"at": {"$lt": now}}, "sort": {"at": 1}},
        {"find": "messages", "filter": held | {"partner_id": "prt_x", "channel": "email"}},
        {"distinct": "messages", "key": "partner_id", "query": held},
        *(
            {"aggregate": "messages", "pipeline": [{"$match": {"status": status}}, per_account], "cursor": {}}
            for status in ("WAITING", "SENDING", "ERROR")
        ),
    ]
    for command in commands:
        plan = await outbox.database.command("explain", command)
        assert "IXSCAN" in str(plan) or "DISTINCT_SCAN" in str(plan), command
        assert "COLLSCAN" not in str(plan), command
        assert "'stage': 'SORT'" not in str(plan), command


async def test_a_message_is_deleted_unless_it_is_being_sent(platform: Platform) -> None:
    """B3."""
    outbox = await platform.service("outbox")
    partner, [first, second] = await waiting_box(outbox, 2)
    headers = platform.tokens.headers(partner)
    assert (await outbox.http.delete(f"/messages/{first}", headers=headers)).status_code == 204
    in_flight = {
        "status": "SENDING",
        "claim": {"token": "t", "at": datetime.now(UTC), "until": datetime.now(UTC) + timedelta(minutes=5)},
    }
    await outbox.database["messages"].update_one({"_id": second}, {"$set": in_flight})
    refused = await outbox.http.delete(f"/messages/{second}", headers=headers)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "still-sending")
    resend = await outbox.http.post(f"/messages/{second}/resend", headers=headers)
    assert (resend.status_code, resend.json()["type"].rpartition("/")[2]) == (409, "still-sending")
    assert [one["id"] for one in await box(outbox, partner)] == [second]


async def test_what_a_dead_worker_had_in_hand_is_taken_back(platform: Platform, mail: MailServer) -> None:
    """F6: nothing stays in sending, and the truth that nobody knows is marked."""
    outbox = await platform.service("outbox")
    partner, [stuck] = await waiting_box(outbox, 1)
    claim = {"token": "of a dead one", "at": datetime.now(UTC), "until": datetime.now(UTC) - timedelta(seconds=1)}
    await outbox.database["messages"].update_one({"_id": stuck}, {"$set": {"status": "SENDING", "claim": claim}})

    async def is_back() -> bool:
        [row] = await box(outbox, partner)
        return row["status"] == "WAITING" and row["possible_duplicate"]

    await eventually(is_back)
    await sender_account(outbox, mail, partner=partner)
    [row] = await settled(outbox, partner, "SENT")
    assert row["attempts"] == 2


async def test_the_log_of_an_order(platform: Platform) -> None:
    """B8: order numbers may have slashes."""
    outbox, partner = await platform.service("outbox"), unique("prt")
    await request(outbox, message(partner, "a@x.example", order_number="PL/2026/7"), message(partner, "b@x.example"))
    await settled(outbox, partner, "WAITING", "WAITING")
    answer = await outbox.http.get("/orders/PL/2026/7/messages", headers=platform.tokens.headers(partner))
    assert [one["recipient"]["address"] for one in answer.json()["items"]] == ["a@x.example"]
    nothing = await outbox.http.get("/orders//messages", headers=platform.tokens.headers(partner))
    assert nothing.status_code == 404, "no number is no order, and not the whole box"


async def test_reading_resending_and_deleting_are_three_permissions(platform: Platform) -> None:
    """B7."""
    outbox = await platform.service("outbox")
    partner, [message_id] = await waiting_box(outbox, 1)
    calls = {
        Permission.OUTBOX_READ: ("GET", "/messages"),
        Permission.OUTBOX_RESEND: ("POST", f"/messages/{message_id}/resend"),
        Permission.OUTBOX_DELETE: ("DELETE", f"/messages/{message_id}"),
        Permission.ACCOUNTS_WRITE: ("DELETE", "/accounts/acc_x"),
    }
    for permission, (method, url) in calls.items():
        others = [one for one in Permission if one != permission]
        refused = await outbox.http.request(method, url, headers=platform.tokens.headers(partner, *others))
        assert (refused.status_code, refused.json()["permission"]) == (403, permission.value)
        assert (await outbox.http.request(method, url)).status_code == 401


async def test_another_partners_message_and_account_do_not_exist(platform: Platform, mail: MailServer) -> None:
    outbox = await platform.service("outbox")
    theirs, [message_id] = await waiting_box(outbox, 1)
    _, account = await sender_account(outbox, mail, partner=theirs)
    mine = platform.tokens.headers(unique("prt"))
    calls = [
        ("GET", "/messages/{}", message_id),
        ("DELETE", "/messages/{}", message_id),
        ("POST", "/messages/{}/resend", message_id),
        ("POST", "/accounts/{}/test", account),
        ("DELETE", "/accounts/{}", account),
    ]
    for method, url, known in calls:
        foreign = await outbox.http.request(method, url.format(known), headers=mine)
        unknown = await outbox.http.request(method, url.format("msg_unknown"), headers=mine)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.content == unknown.content
    assert (await outbox.http.get("/accounts", headers=mine)).json() == []


async def test_a_kept_password_never_goes_to_another_server(platform: Platform, mail: MailServer) -> None:
    """B11: who may change an account, but does not know its password, cannot have it sent to himself."""
    outbox = await platform.service("outbox")
    partner, account = await sender_account(outbox, mail, username="shop", password="secret")
    headers, url = platform.tokens.headers(partner), f"/accounts/{account}"
    same = {"name": "Renamed", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": mail.port}
    same |= {"tls": "none", "username": "shop", "is_default": True}
    assert (await outbox.http.put(url, json=same, headers=headers)).status_code == 200
    for change in ({"host": "evil.example.com"}, {"port": 25}, {"tls": "starttls"}, {"username": "other"}):
        refused = await outbox.http.put(url, json=same | change, headers=headers)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (422, "password-needed"), change
    moved = await outbox.http.put(url, json=same | {"host": "localhost", "password": "new"}, headers=headers)
    assert moved.status_code == 200


async def test_without_an_account_a_resend_says_what_is_missing(platform: Platform) -> None:
    """B4: the message is known, so this is no 404."""
    outbox = await platform.service("outbox")
    partner, [message_id] = await waiting_box(outbox, 1)
    url = f"/messages/{message_id}/resend"
    answer = await outbox.http.post(url, headers=platform.tokens.headers(partner))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "no-sender-account")


async def test_an_sms_is_not_sent_as_mail(platform: Platform, mail: MailServer) -> None:
    """B11: it waits for a gateway, also when a mail account comes."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    number = f"+48{uuid4().int % 10**9:09}"
    sms, letter = message(partner, number, channel="sms"), message(partner, "ann@x.example")
    await request(outbox, sms, letter)
    rows = await settled(outbox, partner, "SENT", "WAITING")
    assert [(row["id"], row["error"]) for row in rows if row["channel"] == "sms"] == [
        (sms.message_id, "no_sender_account")
    ]
    await sender_account(outbox, mail, partner=partner)
    await request(outbox, message(partner, "ben@x.example"))
    await settled(outbox, partner, "SENT", "SENT", "WAITING")
    assert mail.attempts.get(number) is None
