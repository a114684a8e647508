"""The audit log over HTTP: what is in it, who reads it, and that it is told by all services (E6)."""

import asyncio
import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from common.auth import Permission
from common.events import AuditRecorded, AuditSealed, encode
from identity.audit.domain import BEFORE_THE_FIRST
from tests.identity.test_permissions import add_user
from tests.identity.test_sessions import begin, continue_
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service

Json = dict[str, Any]
Headers = dict[str, str]


async def log_of(identity: Service, headers: Headers, **filters: str) -> list[Json]:
    answer = await identity.http.get("/audit", params={"limit": "200", **filters}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def until(
    identity: Service, headers: Headers, is_there: Callable[[Json], bool], count: int = 1, timeout: float = 10
) -> list[Json]:
    """The entries that are like this, once there are so many."""

    async def enough() -> list[Json]:
        found = [one for one in await log_of(identity, headers) if is_there(one)]
        return found if len(found) >= count else []

    return await eventually(enough, timeout, f"{count} entries")


def is_action(action: str, outcome: str = "done") -> Callable[[Json], bool]:
    return lambda one: (one["action"], one["outcome"]) == (action, outcome)


async def test_what_people_do_to_access_is_in_the_log(platform: Platform) -> None:
    """E6: users, permissions, machines, sessions; each says what and to whom."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    user_id, user = await add_user(identity, owner, permissions=["crm:read"])
    url = f"/users/{user_id}"
    await identity.http.patch(url, json={"permissions": ["crm:write"], "name": "X"}, headers=owner)
    await identity.http.delete("/sessions", headers=await sign_in(identity, user))
    await identity.http.delete(url, headers=owner)
    machine = (
        await identity.http.post("/machines", json={"name": "M", "permissions": ["outbox:read"]}, headers=owner)
    ).json()
    await identity.http.post(f"/machines/{machine['client_id']}/secret", json={"overlap_seconds": 60}, headers=owner)
    await identity.http.delete(f"/machines/{machine['client_id']}", headers=owner)
    await until(identity, owner, is_action("DELETE /machines/{machine_id}"))
    log = {one["action"]: one for one in await log_of(identity, owner)}
    by_owner = ("POST /users", "PATCH /users/{user_id}", "DELETE /users/{user_id}", "POST /machines")
    by_owner += ("POST /machines/{machine_id}/secret", "DELETE /machines/{machine_id}")
    assert {log[action]["user_id"] for action in by_owner} == {partner["owner_id"]}
    assert log["DELETE /sessions"]["user_id"] == user_id
    assert log["POST /users"]["details"] == {"user_id": [user_id], "permissions": ["crm:read"], "roles": []}
    change = log["PATCH /users/{user_id}"]
    assert change["target"] == {"user_id": user_id}
    assert change["details"] == {"changed": ["name", "permissions"], "permissions": ["crm:write"]}
    assert (change["network"], change["service"], change["actor"]) == ("127.0.0.0/24", "identity", None)
    assert user not in str(log)


async def test_sign_ins_are_in_the_log_and_so_are_failed_ones_of_known_users(platform: Platform) -> None:
    """E6: in the user's own company; what was tried for nobody is in no log."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    for address in (email, f"{unique('nobody')}@shop.example.com"):
        wrong = {"email": address, "password": "wrong horse battery"}
        assert (await identity.http.post("/sign-in", json=wrong)).status_code == 401
    owner = await sign_in(identity, email)
    [failed] = await until(identity, owner, is_action("POST /sign-in", "refused"))
    [done] = await until(identity, owner, is_action("POST /sign-in"))
    assert {failed["user_id"], done["user_id"]} == {partner["owner_id"]}
    assert (failed["status"], done["status"]) == (401, 200)


async def test_a_session_that_a_thief_ended_is_in_the_log(platform: Platform) -> None:
    """E6: a refresh token that was used again."""
    identity = await platform.service("identity", instance="thief", REFRESH_GRACE_SECONDS="0")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    await continue_(identity, tokens)
    await continue_(identity, tokens)
    [ended] = await until(identity, await sign_in(identity, email), is_action("session ended"))
    assert ended["details"] == {"because": ["refresh token used again"]}
    assert ended["session_id"] == tokens["refresh_token"].split(".")[0]


async def test_what_is_done_while_acting_is_in_the_clients_log_wherever_it_is_done(platform: Platform) -> None:
    """E6: in each of the five services, with who acted; and what was refused."""
    identity, partner = await platform.service("identity"), unique("prt")
    reader = platform.tokens.headers(partner)
    changes = {
        "identity": ("PATCH", "/partner", {"language": "cs"}),
        "contacts": ("POST", "/persons", {"first_name": "Eve", "last_name": "X", "email": "eve@x.example.com"}),
        "notifications": ("DELETE", "/settings/order.created/mute", None),
        "outbox": ("PUT", "/settings", {"keep_days": 30}),
        "crm": ("DELETE", "/records/con_1", None),
    }
    for name, (method, url, body) in changes.items():
        service = await platform.service(name)
        acting = platform.tokens.acting(partner, entry=f"ent_{name}")

        opened = "/permissions" if name == "identity" else "/dead-letters"

        async def let_in(service: Service = service, acting: Headers = acting, opened: str = opened) -> bool:
            return (await service.http.get(opened, headers=acting)).status_code == 200

        await eventually(let_in)
        await service.http.request(method, url, json=body, headers=acting)
        nothing = platform.tokens.acting(partner, Permission.AUDIT_READ, entry=f"ent_{name}")
        assert (await service.http.request(method, url, json=body, headers=nothing)).status_code == 403
        assert (await service.http.get("/dead-letters", headers=nothing)).status_code == 403
    told = await until(identity, reader, lambda one: True, count=15)
    for name, (method, _, _) in changes.items():
        mine = [one for one in told if one["service"] == name]
        assert {one["session_id"] for one in mine} == {f"ent_{name}"}
        assert {one["actor"]["partner_id"] for one in mine} == {"prt_master"}
        outcomes = {(one["action"].split()[0], one["outcome"]) for one in mine}
        assert {(method, "refused"), ("GET", "refused")} <= outcomes, name
        assert len(mine) == 3
    assert await log_of(identity, platform.tokens.headers(unique("prt"))) == []


async def test_own_users_leave_nothing_in_the_log_of_other_services(platform: Platform) -> None:
    """E6: it is about access and about others; what own people change, histories say."""
    identity, contacts, partner = await platform.service("identity"), await platform.service("contacts"), unique("prt")
    own, acting = platform.tokens.headers(partner), platform.tokens.acting(partner)
    person = {"first_name": "Eve", "last_name": "X", "email": "eve@x.example.com"}
    assert (await contacts.http.post("/persons", json=person, headers=own)).status_code == 201

    async def done() -> bool:
        return (await contacts.http.post("/persons", json=person, headers=acting)).status_code == 201

    await eventually(done)
    [one] = await until(identity, own, is_action("POST /persons"))
    assert one["actor"] == {"user_id": "usr_master", "partner_id": "prt_master"}


async def add_entries(identity: Service, partner: str, count: int) -> list[AuditRecorded]:
    """Told as another service would."""
    example = AuditRecorded.EXAMPLES[0]
    told = [
        AuditRecorded.model_validate_json(
            json.dumps(
                example
                | {"entry_id": unique("aud"), "partner_id": partner, "at": f"2026-11-23T10:15:{number % 60:02}Z"}
                | {"user_id": f"usr_{number % 2}", "actor": None if number % 3 else example["actor"]}
            )
        )
        for number in range(count)
    ]
    await identity.io.publish_many([(one.entry_id, one) for one in told], source="/contacts")
    return told


async def test_the_log_is_narrowed_and_paged(platform: Platform) -> None:
    """E6: by time, user and actor; no entry twice or left out."""
    identity, partner = await platform.service("identity"), unique("prt")
    headers = platform.tokens.headers(partner, Permission.AUDIT_READ)
    told = await add_entries(identity, partner, 30)
    await until(identity, headers, lambda one: True, 30)
    seen: list[Json] = []
    cursor = ""
    while cursor is not None:
        params = {"limit": 7} | ({"cursor": cursor} if cursor else {})
        page = (await identity.http.get("/audit", params=params, headers=headers)).json()
        seen, cursor = seen + page["items"], page["next"]
    assert [one["at"] for one in seen] == sorted((one["at"] for one in seen), reverse=True)
    assert sorted(one["id"] for one in seen) == sorted(one.entry_id for one in told)
    assert len(await log_of(identity, headers, user="usr_1")) == 15
    assert len(await log_of(identity, headers, actor="usr_8q1w4z")) == 10
    times = {"since": "2026-11-23T10:15:10Z", "until": "2026-11-23T10:15:20Z"}
    assert len(await log_of(identity, headers, **times)) == 10
    assert len(await log_of(identity, headers, user="usr_0", **times)) == 5


async def test_nobody_reads_the_log_without_the_permission_or_of_another_company(platform: Platform) -> None:
    """E6, B7."""
    identity, partner = await platform.service("identity"), unique("prt")
    await add_entries(identity, partner, 1)
    await until(identity, platform.tokens.headers(partner), lambda one: True)
    others = set(Permission) - {Permission.AUDIT_READ}
    stranger = platform.tokens.headers(unique("prt"), Permission.AUDIT_READ)
    for path in ("/audit", "/audit.csv", "/audit.ndjson"):
        refused = await identity.http.get(path, headers=platform.tokens.headers(partner, *others))
        assert (refused.status_code, refused.json()["permission"]) == (403, "audit:read")
        assert partner not in (await identity.http.get(path, headers=stranger)).text


async def test_whoever_exports_the_log_can_check_it(platform: Platform) -> None:
    """E6: the hashes are computed from what stands in the file, by what the README says."""
    identity, partner = await platform.service("identity"), unique("prt")
    headers = platform.tokens.headers(partner, Permission.AUDIT_READ)
    await add_entries(identity, partner, 20)
    await until(identity, headers, lambda one: True, 20)
    lines = (await identity.http.get("/audit.ndjson", headers=headers)).text.splitlines()
    entries = sorted((json.loads(line) for line in lines), key=lambda one: one["sequence"])
    previous = BEFORE_THE_FIRST
    for one in entries:
        said = {name: value for name, value in one.items() if name != "hash"}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert (one["previous"], one["hash"]) == (previous, hashlib.sha256(text.encode()).hexdigest())
        previous = one["hash"]
    rows = list(csv.DictReader((await identity.http.get("/audit.csv", headers=headers)).text.splitlines()))
    assert {row["hash"] for row in rows} == {one["hash"] for one in entries}
    assert {row["actor_partner_id"] for row in rows} == {"", "prt_2c9v6b"}


async def test_replicas_that_add_at_once_make_one_chain(platform: Platform) -> None:
    """E6: no fork, no gap, each entry once, though everything is told twice and to both."""
    identity = await platform.service("identity", instance="replicas", KAFKA_BATCH="2", KAFKA_PACE_MS="0")
    await platform.replica(identity)
    partner = unique("prt")
    [told] = await add_entries(identity, partner, 1)
    many = [told.model_copy(update={"entry_id": unique("aud")}) for _ in range(300)]

    async def tell(number: int, one: AuditRecorded) -> None:
        """By any key: so both replicas have entries of this partner at the same time."""
        record = encode(one, event_id=one.entry_id, source="/contacts")
        key = f"k{number % 40}".encode()
        await identity.io.publish_raw(record.topic, key=key, value=record.value, headers=record.headers)

    await asyncio.gather(*(tell(number, one) for number, one in enumerate([*many, *reversed(many)])))
    seals = identity.io.follow(AuditSealed)

    def places() -> set[int]:
        return {event.data.sequence for event in seals.events if event.data.partner_id == partner}

    await eventually(lambda: len(places()) == 301, timeout=40)
    entries = identity.database["audit_entries"].find({"partner_id": partner}, sort=[("sequence", 1)])
    found = await entries.to_list()
    assert [one["sequence"] for one in found] == list(range(1, 302))
    assert all(later["previous"] == one["hash"] for one, later in pairwise(found))
    assert places() == set(range(1, 302))
    code, said = await check(identity, partner)
    assert code == 0, said


async def check(identity: Service, *partners: str) -> tuple[int, str]:
    """(exit code, what it says) of the command."""
    command = [sys.executable, "-m", "identity", "verify-audit", *partners]
    done = await asyncio.to_thread(
        subprocess.run, command, env=identity.environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("harm", ["changed", "missing", "cut off"])
async def test_the_command_finds_what_was_done_to_the_log(platform: Platform, harm: str) -> None:
    """E6: in the database itself, behind the service's back."""
    identity = await platform.service("identity", instance="verified")
    partner, other = unique("prt"), unique("prt")
    for one in (partner, other):
        await add_entries(identity, one, 5)
        await identity.io.follow(AuditSealed).wait_for(lambda event, one=one: event.data.partner_id == one, 5)
    assert await check(identity, partner) == (0, "nothing is missing or was changed\n")
    entries, third = identity.database["audit_entries"], {"partner_id": partner, "sequence": 3}
    match harm:
        case "changed":
            await entries.update_one(third, {"$set": {"outcome": "refused"}})
        case "missing":
            await entries.delete_one(third)
        case _:
            await entries.delete_many({"partner_id": partner, "sequence": {"$gte": 3}})
    code, said = await check(identity)
    assert code == 1
    assert f"{partner}: entry 3 is {harm}" in said
    assert other not in said


async def test_the_password_of_a_failed_sign_in_is_nowhere(platform: Platform) -> None:
    """E6: nor the address."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    await until(identity, owner, is_action("POST /sign-in"))
    records = str([record.value for record in await identity.io.records("audit.recorded")])
    assert email not in records
    assert PASSWORD not in records
