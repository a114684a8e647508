"""Machines: systems of a partner that sign in with a secret (B7, B8)."""

from typing import Any

import httpx

from tests.identity.test_permissions import add_user
from tests.identity.test_revocation import until_refused
from tests.identity.test_sessions import bearer, begin
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.platform import Platform, Service

Json = dict[str, Any]


async def make(identity: Service, by: dict[str, str], *permissions: str) -> Json:
    """A new machine's id and secret."""
    body = {"name": "Order system", "permissions": permissions or ("outbox:read", "users:read")}
    answer = await identity.http.post("/machines", json=body, headers=by)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def token(identity: Service, machine: Json, **form: str) -> httpx.Response:
    credentials = (machine["client_id"], machine["client_secret"])
    return await identity.http.post("/token", data={"grant_type": "client_credentials", **form}, auth=credentials)


async def owner_of_new_partner(identity: Service) -> dict[str, str]:
    _, email = await new_partner(identity)
    return await sign_in(identity, email)


async def test_an_order_system_reads_the_outbox_and_no_more(platform: Platform) -> None:
    """B8: with an access token, of its partner, without a refresh token."""
    identity, outbox = await platform.service("identity"), await platform.service("outbox")
    machine = await make(identity, await owner_of_new_partner(identity), "outbox:read")
    tokens = (await token(identity, machine)).json()
    assert (tokens["scope"], tokens["refresh_token"]) == ("outbox:read", None)
    assert (await outbox.http.get("/messages", headers=bearer(tokens))).status_code == 200
    assert (await identity.http.get("/users", headers=bearer(tokens))).status_code == 403
    assert (await identity.http.get("/me", headers=bearer(tokens))).status_code == 404
    assert (await identity.http.get("/sessions", headers=bearer(tokens))).json()["items"] == []


async def test_the_secret_may_stand_in_the_form_and_scope_narrows_the_token(platform: Platform) -> None:
    """B8: by OAuth's words."""
    identity = await platform.service("identity")
    machine = await make(identity, await owner_of_new_partner(identity))
    form = {"grant_type": "client_credentials", "scope": "users:read", **machine}
    answer = await identity.http.post("/token", data=form)
    assert (answer.json()["scope"], answer.headers["cache-control"]) == ("users:read", "no-store")
    more = await token(identity, machine, scope="users:read crm:read")
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


async def test_a_wrong_secret_and_an_unknown_machine_are_answered_alike(platform: Platform) -> None:
    """B8."""
    identity = await platform.service("identity")
    machine = await make(identity, await owner_of_new_partner(identity))
    wrong = await token(identity, machine | {"client_secret": "wrong"})
    unknown = await token(identity, machine | {"client_id": "mch_unknown"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert (wrong.json()["error"], wrong.headers["www-authenticate"]) == ("invalid_client", 'Basic realm="machines"')


async def test_nobody_makes_a_machine_that_may_more_than_he_or_that_lets_others_in(platform: Platform) -> None:
    """B7."""
    identity = await platform.service("identity")
    owner = await owner_of_new_partner(identity)
    _, email = await add_user(identity, owner, permissions=["machines:write"])
    administrator = await sign_in(identity, email)
    theirs = await make(identity, owner, "outbox:read")
    for by, permission in ((administrator, "outbox:read"), (owner, "users:write"), (owner, "machines:write")):
        body = {"name": "X", "permissions": [permission]}
        answer = await identity.http.post("/machines", json=body, headers=by)
        assert (answer.status_code, answer.json()["permissions"]) == (403, [permission])
    url = f"/machines/{theirs['client_id']}/secret"
    assert (await identity.http.post(url, json={}, headers=administrator)).status_code == 403


async def test_a_secret_is_replaced_without_a_pause(platform: Platform) -> None:
    """B8: both are good for a while; and it is shown once, kept as a hash, logged never."""
    identity = await platform.service("identity")
    owner = await owner_of_new_partner(identity)
    machine = await make(identity, owner)
    tokens = (await token(identity, machine)).json()
    url = f"/machines/{machine['client_id']}/secret"
    new = (await identity.http.post(url, json={"overlap_seconds": 60}, headers=owner)).json()
    for one in (machine, new):
        assert (await token(identity, one)).status_code == 200
    assert (await identity.http.get("/users", headers=bearer(tokens))).status_code == 200
    listed = await identity.http.get("/machines", headers=owner)
    document = await identity.database["machines"].find_one({"_id": machine["client_id"]})
    assert listed.json()["items"][0]["last_used"] is not None
    for text in (listed.text, str(document), identity.log_text()):
        assert machine["client_secret"] not in text
        assert new["client_secret"] not in text


async def test_a_leaked_secret_is_good_for_nothing_at_once(platform: Platform) -> None:
    """E6: nor are the tokens that were got with it."""
    identity = await platform.service("identity")
    owner = await owner_of_new_partner(identity)
    machine = await make(identity, owner)
    url, tokens = f"/machines/{machine['client_id']}", (await token(identity, machine)).json()
    new = (await identity.http.post(f"{url}/secret", json={}, headers=owner)).json()
    assert (await token(identity, machine)).status_code == 401
    await until_refused([identity], tokens)
    tokens = (await token(identity, new)).json()
    assert (await identity.http.get("/users", headers=bearer(tokens))).status_code == 200
    assert (await identity.http.delete(url, headers=owner)).status_code == 204
    assert (await identity.http.delete(url, headers=owner)).status_code == 404
    await until_refused([identity], tokens)
    assert (await token(identity, new)).status_code == 401


async def test_machines_of_another_partner_do_not_exist(platform: Platform) -> None:
    """F1."""
    identity = await platform.service("identity")
    machine = await make(identity, await owner_of_new_partner(identity))
    _, email = await new_partner(identity)
    stranger, url = bearer(await begin(identity, email)), f"/machines/{machine['client_id']}"
    assert (await identity.http.get("/machines", headers=stranger)).json()["items"] == []
    assert (await identity.http.delete(url, headers=stranger)).status_code == 404
    assert (await identity.http.post(f"{url}/secret", json={}, headers=stranger)).status_code == 404
