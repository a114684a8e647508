"""Revoked access is refused in all five services within five seconds (E6)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from common.events import AccessRevoked
from tests.identity.test_audit import is_action, until
from tests.identity.test_permissions import add_user
from tests.identity.test_sessions import bearer, begin, continue_, is_refused
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service
from tests.support.routes import said

Json = dict[str, Any]
ROUTES = {
    "identity": "/sessions",
    "contacts": "/roles",
    "notifications": "/kinds",
    "outbox": "/accounts",
    "crm": "/records",
}
"""One route of each service, which a user with these permissions may ask."""
WHILE_ACTING = ROUTES | {"identity": "/partner"}
"""The same for whoever acts for somebody else."""
MAY = ["outbox:read", "crm:read", "users:read", "users:write"]
WITHIN_SECONDS = 5.0
NEW_PASSWORD = {"password": PASSWORD, "proof": {"password": PASSWORD}}


async def all_five(platform: Platform) -> list[Service]:
    return [await platform.service(name) for name in ROUTES]


async def statuses(services: list[Service], tokens: Json, routes: dict[str, str] = ROUTES) -> set[int]:
    """What the five answer to a token."""
    asked = (service.http.get(routes[service.name], headers=bearer(tokens)) for service in services)
    return {answer.status_code for answer in await asyncio.gather(*asked)}


async def until_refused(services: list[Service], tokens: Json) -> float:
    """Seconds until the last of the services refused it."""
    began = time.monotonic()

    async def refused() -> bool:
        return await statuses(services, tokens) == {401}

    await eventually(refused, timeout=WITHIN_SECONDS, what="refusal in all five services")
    return time.monotonic() - began


async def test_each_change_of_access_refuses_the_older_tokens_everywhere(platform: Platform) -> None:
    """E6: changed permissions and roles, an ended session, signing out everywhere, also by an administrator, a new
    password, deletion."""
    services = await all_five(platform)
    identity = services[0]
    _, email = await new_partner(identity)
    owner = bearer(await begin(identity, email))
    user_id, user = await add_user(identity, owner, permissions=MAY)
    http, url = identity.http, f"/users/{user_id}"

    changes: dict[str, Callable[[Json], Awaitable[Any]]] = {
        "permissions": lambda _: http.patch(url, json={"permissions": [*MAY, "crm:write"]}, headers=owner),
        "roles": lambda _: http.patch(url, json={"roles": ["account_partner_reader"]}, headers=owner),
        "session": lambda it: http.delete(f"/sessions/{it['refresh_token'].split('.')[0]}", headers=bearer(it)),
        "everywhere": lambda it: http.delete("/sessions", headers=bearer(it)),
        "by an administrator": lambda _: http.delete(f"{url}/sessions", headers=owner),
        "password": lambda it: http.put("/me/password", json=NEW_PASSWORD, headers=bearer(it)),
        "deleted": lambda _: http.delete(url, headers=owner),
    }
    for name, change in changes.items():
        tokens = await begin(identity, user)
        assert await statuses(services, tokens) == {200}, name
        answer = await change(tokens)
        assert answer.status_code in (200, 204), f"{name}: {answer.text}"
        assert await until_refused(services, tokens) < WITHIN_SECONDS
        following = await continue_(identity, tokens)
        if name in ("permissions", "roles"):
            assert await statuses(services, following.json()) == {200}, name
        else:
            assert is_refused(following), name
    assert await statuses(services, {"access_token": owner["Authorization"].removeprefix("Bearer ")}) == {200}


async def test_an_administrator_signs_a_user_out_everywhere(platform: Platform) -> None:
    """B7, E6: who signs in again at once if he may; it is in the audit log; and nobody does so to the owner."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    user_id, user = await add_user(identity, owner, permissions=["users:write"])
    phone, laptop = await begin(identity, user, "Phone"), await begin(identity, user, "Laptop")
    url = f"/users/{user_id}/sessions"
    assert (await identity.http.delete(url, headers=owner)).status_code == 204
    for tokens in (phone, laptop):
        await until_refused([identity], tokens)
        assert is_refused(await continue_(identity, tokens))
    again = bearer(await begin(identity, user))
    assert len((await identity.http.get("/sessions", headers=again)).json()["items"]) == 1
    answer = await identity.http.delete(f"/users/{partner['owner_id']}/sessions", headers=again)
    assert said(answer) == (409, "owner-fixed")
    assert (await identity.http.get("/me", headers=owner)).status_code == 200
    [done] = await until(identity, owner, is_action("DELETE /users/{user_id}/sessions"))
    assert (done["user_id"], done["target"]) == (partner["owner_id"], {"user_id": user_id})


async def test_the_name_of_a_user_changes_nothing_of_his_access(platform: Platform) -> None:
    """E6: nobody is thrown out without need."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    tokens = await begin(identity, email)
    url = f"/users/{partner['owner_id']}"
    assert (await identity.http.patch(url, json={"name": "Ola"}, headers=bearer(tokens))).status_code == 200
    user = await identity.database["users"].find_one({"_id": partner["owner_id"]})
    assert user is not None
    assert (user["version"], "announce" in user) == (1, False)


async def test_the_address_of_a_deleted_user_is_free_again(platform: Platform) -> None:
    """E6: and nothing of him is left."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = bearer(await begin(identity, email))
    user_id, user = await add_user(identity, owner)
    assert (await identity.http.delete(f"/users/{user_id}", headers=owner)).status_code == 204
    assert (await identity.http.delete(f"/users/{user_id}", headers=owner)).status_code == 404
    assert user not in str(await identity.database["users"].find_one({"_id": user_id}))
    wrong = await identity.http.post("/sign-in", json={"email": user, "password": "correct horse battery"})
    assert wrong.status_code == 401
    again = {"email": user, "name": "U", "password": "correct horse battery"}
    assert (await identity.http.post("/users", json=again, headers=owner)).status_code == 201


async def test_what_was_revoked_is_published_though_the_process_was_killed_before(platform: Platform) -> None:
    """E6, F6: the change and its publication are one write."""
    identity = await platform.service("identity", instance="killed")
    contacts = await platform.service("contacts", instance="killed")
    partner, email = await new_partner(identity)
    tokens = await begin(identity, email)
    assert (await contacts.http.get("/roles", headers=bearer(tokens))).status_code == 200
    identity.kill()
    change = {"$set": {"announce": True}, "$inc": {"version": 1, "sign_outs": 1}}
    await identity.database["users"].update_one({"_id": partner["owner_id"]}, change)
    await identity.start()
    revoked = identity.io.follow(AccessRevoked)
    await revoked.wait_for(lambda event: event.data.subject == partner["owner_id"])
    await until_refused([contacts], tokens)


async def test_a_process_that_starts_later_refuses_what_was_revoked_before(platform: Platform) -> None:
    """E6: it is not ready, and lets nobody in, until it has read everything."""
    identity = await platform.service("identity", instance="later")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)

    async def let_in() -> bool:
        return await statuses([identity], tokens) == {200}

    await eventually(let_in, what="identity knowing its own key")
    assert (await identity.http.delete("/sessions", headers=bearer(tokens))).status_code == 204
    await until_refused([identity], tokens)
    again = await begin(identity, email)
    contacts = await platform.service("contacts", instance="later")
    assert await statuses([contacts], tokens) == {401}
    assert await statuses([contacts], again) == {200}, "it knows the key, and who signed in again may ask"


@pytest.fixture
async def silent(platform: Platform) -> tuple[Service, Service]:
    """(identity, contacts) on topics of their own."""
    apart = unique("silent")
    identity = await platform.service("identity", instance=apart)
    return identity, await platform.service("contacts", instance=apart, REVOCATION_SILENCE_SECONDS="2")


async def test_nobody_acts_for_another_while_nothing_is_heard_of_revocations(silent: tuple[Service, Service]) -> None:
    """E6: the refusal says why; users who act for themselves go on; and all do once identity is heard again."""
    identity, contacts = silent
    own = {"Authorization": f"Bearer {contacts.tokens.sign('prt_1')}"}
    acting = contacts.tokens.acting("prt_1")

    async def status(headers: dict[str, str]) -> int:
        return (await contacts.http.get("/roles", headers=headers)).status_code

    async def let_in() -> bool:
        return await status(acting) == 200

    async def refused() -> bool:
        return await status(acting) == 503

    await eventually(let_in)
    identity.kill()
    began = time.monotonic()
    await eventually(refused, timeout=WITHIN_SECONDS)
    assert time.monotonic() - began > 1
    answer = await contacts.http.get("/roles", headers=acting)
    assert answer.json()["type"].endswith("/revocations-unheard")
    assert await status(own) == 200
    await identity.start()
    await eventually(let_in)
