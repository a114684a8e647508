"""Dead letters of a service over HTTP, from a broken event to the mail that is requested after all (F6)."""

import asyncio
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from common.auth import STAFF_ONLY, Permission
from common.errors import Poison
from common.events import MessageRequested, OrderCreated, encode
from common.kafka.dead_letters import DeadLetter, StoredRecord, to_record
from tests.notifications.steps import knows
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner, change_partner
from tests.support.platform import Platform, Service, free_port

MANY = 1_000
REASON = "handler_failed"


def staff(service: Service) -> dict[str, str]:
    return service.tokens.headers("platform", *STAFF_ONLY, user_id="usr_staff")


async def listed(service: Service, count: int = 1, **query: Any) -> list[dict[str, Any]]:
    """What is listed, once there are so many."""

    async def enough() -> list[dict[str, Any]]:
        answer = await service.http.get("/dead-letters", params=query, headers=staff(service))
        assert answer.status_code == 200, answer.text
        return items if len(items := answer.json()["items"]) >= count else []

    return await eventually(enough, timeout=20)


async def press(service: Service, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return await service.http.post(f"/dead-letters/{path}", json=body, headers=staff(service), timeout=60)


async def failed_once(service: Service, partner: str, count: int) -> None:
    """Orders of a known partner that were set aside for a reason that is mended since."""
    for number in range(count):
        order = OrderCreated(partner_id=partner, order_number=f"n-{number}")
        record = StoredRecord.of(encode(order, event_id=f"e-{number}", source="/test"))
        letter = to_record(DeadLetter(record, Poison(REASON)), order.TOPIC, "notifications")
        await service.io.publish_raw(letter.topic, key=letter.key, value=letter.value, headers=letter.headers)


async def known_partner(service: Service) -> str:
    partner = await announce_partner(service.io)
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    return partner


async def total_open(service: Service) -> int:
    query = {"limit": 1, "total": True}
    return (await service.http.get("/dead-letters", params=query, headers=staff(service))).json()["total"]


async def test_an_event_that_failed_is_seen_by_staff_replayed_and_told_once(platform: Platform) -> None:
    """F6: also over a restart; a partner's owner sees nothing of it, and the logs have nothing of its contents."""
    service = await platform.service("notifications", instance="letters", WAIT_SECONDS="1", WAIT_LOOK_SECONDS="0.1")
    io, partner, secret = service.io, unique("prt"), unique("secret")
    await io.publish(OrderCreated(partner_id=partner, order_number=secret), event_id="e-1")
    [letter] = await listed(service, topic="order.created", reason="unknown_partner")
    assert (letter["source"], letter["event_id"], letter["key"]) == ("/test", "e-1", partner)
    assert (letter["status"], letter["detail"]) == ("open", "the partner did not become known in time")
    owner = service.tokens.headers(partner, *(set(Permission) - STAFF_ONLY))
    for method, path in (("GET", ""), ("GET", f"/{letter['id']}"), ("POST", f"/{letter['id']}/replay")):
        answer = await service.http.request(method, f"/dead-letters{path}", headers=owner)
        assert answer.status_code == 403, answer.text
    await service.stop()
    await service.start()
    [shown] = await listed(service)
    assert shown == letter
    whole = (await service.http.get(f"/dead-letters/{letter['id']}", headers=staff(service))).json()
    assert json.loads(whole["value"])["order_number"] == secret
    assert {"name": "ce_id", "value": "e-1"} in whole["headers"]
    await change_partner(io, partner)
    await knows(service, partner, f"owner@{partner.replace('_', '-')}.example")
    first = await press(service, f"{letter['id']}/replay")
    assert (first.status_code, first.json()["status"], first.json()["closed_by"]) == (200, "replayed", "usr_staff")
    assert (await press(service, f"{letter['id']}/replay")).json() == first.json()
    await io.publish(OrderCreated(partner_id=partner, order_number="end"), event_id="e-2")
    told = await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert [event.data.order_number for event in told] == [secret, "end"]
    assert await total_open(service) == 0
    assert secret not in service.log_text()


async def test_what_is_not_worth_a_replay_is_discarded_with_a_note(platform: Platform) -> None:
    """F6: and without a note it is not."""
    service = await platform.service("notifications", instance="letters", WAIT_SECONDS="1", WAIT_LOOK_SECONDS="0.1")
    await service.io.publish_raw("invoice.issued", key=b"\xff", value=b"\x00{not json", headers=[("x", b"\xfe")])
    [letter] = await listed(service, topic="invoice.issued")
    path = f"{letter['id']}/discard"
    assert (await press(service, path, {"note": "  "})).status_code == 422
    done = (await press(service, path, {"note": "a test of theirs"})).json()
    assert (done["status"], done["note"], done["closed_by"]) == ("discarded", "a test of theirs", "usr_staff")
    refused = await press(service, f"{letter['id']}/replay")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "was-discarded")
    assert (await press(service, "none/replay")).status_code == 404
    assert [one["id"] for one in await listed(service, status="discarded")] == [letter["id"]]


async def test_the_list_is_read_in_pages_and_counted_by_topic_and_reason(platform: Platform) -> None:
    """F6: newest first; the counts are a metric, too."""
    service = await platform.service("notifications", instance="letters-pages")
    await failed_once(service, "prt_x", 5)
    newest_first = [one["event_id"] for one in await listed(service, 5)]
    paged: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = (await service.http.get("/dead-letters", params=query, headers=staff(service))).json()
        paged += [one["event_id"] for one in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert paged == newest_first
    assert await total_open(service) == 5
    counts = (await service.http.get("/dead-letters/counts", headers=staff(service))).json()
    assert counts == [{"topic": "order.created", "reason": REASON, "count": 5}]
    await service.stop()
    await service.start()
    line = f'switchboard_open_dead_letters{{reason="{REASON}",topic="order.created"}} 5.0'

    async def measured() -> bool:
        return line in (await service.http.get("/metrics")).text

    await eventually(measured)


async def test_a_process_killed_in_the_middle_of_a_replay_tells_everybody_once(platform: Platform) -> None:
    """F6: what it had published but not marked is published again, and known by its identity."""
    service = await platform.service("notifications", instance="letters-killed")
    partner = await known_partner(service)
    await failed_once(service, partner, MANY)

    async def all_there() -> bool:
        return await total_open(service) == MANY

    await eventually(all_there, timeout=30)
    told = service.io.follow(MessageRequested)
    replaying = asyncio.create_task(press(service, "replay", {"reason": REASON}))
    await eventually(lambda: len(told.events) > 20)
    service.kill()
    with pytest.raises(httpx.HTTPError):
        await replaying
    await service.start()

    async def all_replayed() -> bool:
        assert (await press(service, "replay", {"reason": REASON})).status_code == 200
        return await total_open(service) == 0

    await eventually(all_replayed, timeout=30)
    await eventually(lambda: len({e.data.order_number for e in told.events}) == MANY, timeout=30)
    assert len({e.data.message_id for e in told.events}) == MANY
    assert await service.database["decisions"].count_documents({}) == MANY
    assert await service.database["dead_letters"].count_documents({"status": "replayed"}) == MANY


async def test_two_replicas_keep_each_once_and_replay_each_once(platform: Platform) -> None:
    """F6: whichever is asked; and one goes on for the other that was killed."""
    service = await platform.service("notifications", instance="letters-twins")
    environment = service.environment | {"SERVICE_PORT": str(free_port())}
    twin = Service(await platform.apart("letters-twins"), "notifications", environment)
    await twin.start()
    await failed_once(service, await known_partner(service), 120)
    for one in (service, twin):
        await listed(one, 120, limit=200)
    answers = await asyncio.gather(*(press(one, "replay", {"reason": REASON}) for one in (service, twin)))
    assert sum(answer.json()["replayed"] for answer in answers) == 120
    assert len(await service.io.records("order.created")) == 120
    twin.kill()
    await twin.close()
    await failed_once(service, "prt_y", 3)
    await listed(service, 3)


async def test_the_command_does_the_same_without_http(platform: Platform) -> None:
    """F6: over the same documents, so that what it replayed is not open any more."""
    service = await platform.service("notifications", instance="letters-command")
    partner = await known_partner(service)
    await failed_once(service, partner, 2)
    letters = await listed(service, 2)

    def command(name: str, *more: str) -> list[dict[str, Any]]:
        call = [sys.executable, "-m", "common.dead_letters", name, "--service", "notifications", *more]
        done = subprocess.run(call, env=service.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert [one["id"] for one in command("list", "--reason", REASON)] == [one["id"] for one in letters]
    newest, oldest = (one["id"] for one in letters)
    assert json.loads(command("show", newest)[0]["value"])["partner_id"] == partner
    assert command("discard", newest, "--note", "seen to by hand")[0]["status"] == "discarded"
    assert command("replay", "--reason", REASON) == [{"replayed": 1}]
    assert command("replay", oldest)[0]["status"] == "replayed"
    assert await total_open(service) == 0
    told = await service.io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner)
    assert [event.data.event.id for event in told] == [next(o["event_id"] for o in letters if o["id"] == oldest)]
