"""Who acts for somebody else is named wherever the change is remembered (E6)."""

import asyncio
import json
import re
from typing import Any

import httpx

from common.auth import Permission
from tests.contacts.test_persons import ZOFIA, add
from tests.identity.test_audit import until
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service

Headers = dict[str, str]
ACTOR = {"user_id": "usr_master", "partner_id": "prt_master"}


async def until_let_in(service: Service, acting: Headers) -> None:
    """A process that has just started has heard of no revocations yet."""

    async def let_in() -> bool:
        return (await service.http.get("/roles", headers=acting)).status_code == 200

    await eventually(let_in)


async def test_the_history_says_who_acted_and_for_whom(platform: Platform) -> None:
    """E6: "user U of partner X, for client Y"; own people's changes have no actor."""
    await platform.service("identity")
    contacts, partner = await platform.service("contacts"), unique("prt")
    own, acting = platform.tokens.headers(partner), platform.tokens.acting(partner)
    await until_let_in(contacts, acting)
    person = (await add(contacts, partner)).json()
    url = f"/persons/{person['id']}"
    assert (await contacts.http.patch(url, json={"last_name": "Kowal"}, headers=acting)).status_code == 200
    [changed, added] = (await contacts.http.get(f"{url}/history", headers=own)).json()
    assert (changed["by"], changed["actor"]) == ("usr_test", ACTOR)
    assert (added["by"], added["actor"]) == ("usr_test", None)
    assert (await contacts.http.delete(url, headers=acting)).status_code == 200
    [deleted] = (await contacts.http.get(f"{url}/history", headers=own)).json()
    assert (deleted["action"], deleted["actor"]) == ("deleted", ACTOR)


async def test_the_audit_log_says_what_was_made(platform: Platform) -> None:
    """E6: its id stands in no path; without it the client could not tell which of his people somebody else added."""
    identity, contacts = await platform.service("identity"), await platform.service("contacts")
    partner = unique("prt")
    acting = platform.tokens.acting(partner)
    await until_let_in(contacts, acting)
    person = (await contacts.http.post("/persons", json=ZOFIA, headers=acting)).json()
    reader = platform.tokens.headers(partner, Permission.AUDIT_READ)
    [told] = await until(identity, reader, lambda one: one["action"] == "POST /persons", 1)
    assert (told["target"], told["outcome"]) == ({"person_id": person["id"]}, "done")


async def test_logs_and_spans_say_who_acted(platform: Platform) -> None:
    """E6: by ids; and the next request on the same connection, of somebody else, says nothing of him. A
    request is one span."""
    await platform.service("identity", instance="traced")
    contacts = await platform.service("contacts", instance="traced", OTEL_TRACES_EXPORTER="console")
    partner = unique("prt")
    own, acting = contacts.tokens.headers(partner), contacts.tokens.acting(partner)
    await until_let_in(contacts, acting)
    assert (await contacts.http.post("/persons", json=ZOFIA, headers=acting)).status_code == 201
    assert (await contacts.http.get("/persons", headers=own)).status_code == 200

    def spans(route: str) -> list[dict[str, Any]]:
        found = re.findall(r"^\{\n.*?^\}$", contacts.log_text(), re.MULTILINE | re.DOTALL)
        return [one["attributes"] for one in map(json.loads, found) if one["name"].startswith(route)]

    await eventually(lambda: spans("POST /persons") and spans("GET /persons"))
    names = {
        "actor_user_id": "usr_master", "actor_partner_id": "prt_master", "user_id": "usr_test", "partner_id": partner
    }  # fmt: skip
    [span] = spans("POST /persons")
    assert {name: span[f"switchboard.{name}"] for name in names} == names
    assert "switchboard.actor_user_id" not in spans("GET /persons")[0]
    lines = [json.loads(line) for line in contacts.log_text().splitlines() if line.startswith('{"')]
    [line] = [line for line in lines if line["event"] == "acted" and line["action"] == "POST /persons"]
    assert {name: line[name] for name in names} == names
    assert line["outcome"] == "done"
    assert str(ZOFIA["email"]) not in contacts.log_text()


async def test_what_takes_long_is_told_as_it_ended(platform: Platform) -> None:
    """E6: a file of thousands of persons is no unknown deed because it took longer than a process is missed."""
    apart = unique("long")
    identity = await platform.service("identity", instance=apart)
    contacts = await platform.service("contacts", instance=apart, AUDIT_UNKNOWN_SECONDS="0.4")
    partner = unique("prt")
    acting = contacts.tokens.acting(partner)
    await until_let_in(contacts, acting)
    rows = "".join(f"Ann,Kowal {number},a{number}@x.example.com\n" for number in range(4_000))
    headers = acting | {"content-type": "text/csv"}
    done = await contacts.http.post(
        "/persons/import", content=f"first_name,last_name,email\n{rows}", headers=headers, timeout=60
    )
    assert done.json()["added"] == 4_000
    reader = contacts.tokens.headers(partner, Permission.AUDIT_READ)
    [told] = await until(identity, reader, lambda one: one["action"] == "POST /persons/import", 1)
    assert (told["outcome"], told["status"]) == ("done", 200)


async def test_every_change_while_acting_is_in_the_audit_log_though_the_process_was_killed(platform: Platform) -> None:
    """E6, F6: exactly once, whether the answer arrived or not; and nothing is there that nobody asked for."""
    apart = unique("killed")
    identity = await platform.service("identity", instance=apart)
    contacts = await platform.service("contacts", instance=apart, AUDIT_UNKNOWN_SECONDS="3")
    partner = unique("prt")
    own, acting = contacts.tokens.headers(partner), contacts.tokens.acting(partner)
    await until_let_in(contacts, acting)
    ids = [(await add(contacts, partner, email=f"p{number}@x.example.com")).json()["id"] for number in range(120)]
    accepted: set[str] = set()

    async def change(person_id: str) -> None:
        try:
            answer = await contacts.http.patch(f"/persons/{person_id}", json={"last_name": "Kowal"}, headers=acting)
        except httpx.HTTPError:
            return
        accepted.add(person_id) if answer.status_code == 200 else None

    changing = [asyncio.create_task(change(person_id)) for person_id in ids]
    await eventually(lambda: len(accepted) >= 20)
    contacts.kill()
    await asyncio.gather(*changing)
    await contacts.start()

    async def all_told() -> bool:
        return await contacts.database["audit_outbox"].count_documents({}) == 0

    await eventually(all_told, timeout=20)
    changed = {one["_id"] async for one in contacts.database["persons"].find({"last_name": "Kowal"}, {"_id": 1})}
    assert accepted <= changed
    reader = contacts.tokens.headers(partner, Permission.AUDIT_READ)
    told = await until(identity, reader, lambda one: one["action"] == "PATCH /persons/{person_id}", len(changed))
    by_person = [one["target"]["person_id"] for one in told]
    assert len(by_person) == len(set(by_person))
    assert changed <= set(by_person)
    done = {one["target"]["person_id"] for one in told if one["outcome"] == "done"}
    assert done <= changed
    assert accepted <= done | {one["target"]["person_id"] for one in told if one["outcome"] == "unknown"}
    assert len(accepted) < len(ids), "it was killed too late to show anything"
    assert (await contacts.http.get("/persons", headers=own)).status_code == 200
