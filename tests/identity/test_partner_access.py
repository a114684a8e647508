"""Switches, marks and access: who has to say yes before anybody enters a client's account (E1, E2, E4)."""

from datetime import UTC, datetime, timedelta

import pytest

from common.auth import NEVER_DELEGATED
from tests.identity.entering import connected, new_client, new_master, staff, switch
from tests.identity.test_permissions import add_user
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.eventually import eventually
from tests.support.platform import Platform


async def test_an_administrator_marks_masters_only_where_staff_allowed_them(platform: Platform) -> None:
    """E1, E2: and the user's own account says that his sign-in leads to the panel (E3)."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    user_id, user = await add_user(identity, owner)
    url = f"/users/{user_id}/master"
    refused = await identity.http.put(url, json={"on": True}, headers=owner)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "masters-not-allowed")
    await switch(identity, f"/partners/{partner['partner_id']}/masters", True)
    assert (await identity.http.get("/partner", headers=owner)).json()["masters_allowed"] is True
    await switch(identity, url, True, owner)
    assert (await identity.http.get("/me", headers=await sign_in(identity, user))).json()["is_master"] is True
    await switch(identity, url, False, owner)
    assert (await identity.http.get("/me", headers=await sign_in(identity, user))).json()["is_master"] is False


async def test_only_staff_switch_and_only_administrators_mark_and_give(platform: Platform) -> None:
    """E1, E2, E4: each refusal names the permission."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    nobody = {"Authorization": f"Bearer {identity.tokens.sign(client.id)}"}
    for url, by, permission in (
        (f"/partners/{master.partner_id}/masters", client.owner, "partners:write"),
        (f"/partners/{master.partner_id}/clients/{client.id}", client.owner, "partners:write"),
        (f"/users/{client.owner_id}/master", nobody, "users:write"),
    ):
        answer = await identity.http.put(url, json={"on": True}, headers=by)
        assert (answer.status_code, answer.json()["permission"]) == (403, permission)
    body = {"permissions": ["crm:read"], "until": "2030-01-01"}
    answer = await identity.http.put(f"/partner-access/{master.partner_id}", json=body, headers=nobody)
    assert (answer.status_code, answer.json()["permission"]) == (403, "entries:write")


async def test_a_client_sees_whom_staff_connected_and_gives_nobody_else_access(platform: Platform) -> None:
    """E1, E4."""
    identity = await platform.service("identity")
    master, client = await new_master(identity), await new_client(identity)
    assert (await client.gives(master.partner_id)).status_code == 404
    await switch(identity, f"/partners/{master.partner_id}/clients/{client.id}", True)
    [listed] = (await identity.http.get("/partner-access", headers=client.owner)).json()["items"]
    assert (listed["partner_name"], listed["connected"], listed["access"]) == ("Implementer", True, None)
    given = (await client.gives(master.partner_id)).json()
    assert (given["access"]["given_by"], given["access"]["user_id"][:4]) == (client.owner_id, "usr_")
    url = f"/partners/{master.partner_id}/clients"
    [known] = (await identity.http.get(url, headers=staff(identity))).json()["items"]
    assert (known["client_id"], known["has_access"]) == (client.id, True)
    itself = await identity.http.put(f"{url}/{master.partner_id}", json={"on": True}, headers=staff(identity))
    assert itself.status_code == 422


async def test_changed_access_keeps_its_user_and_new_access_has_a_new_one(platform: Platform) -> None:
    """E4: what was done is told apart by whose access it was."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    first = (await client.gives(master.partner_id, permissions=["crm:read"])).json()["access"]
    same = (await client.gives(master.partner_id, permissions=["outbox:read"])).json()["access"]
    assert (same["user_id"], same["permissions"]) == (first["user_id"], ["outbox:read"])
    url = f"/partner-access/{master.partner_id}"
    assert (await identity.http.delete(url, headers=client.owner)).status_code == 204
    assert (await identity.http.delete(url, headers=client.owner)).status_code == 404
    assert (await client.gives(master.partner_id)).json()["access"]["user_id"] != first["user_id"]


@pytest.mark.parametrize("permission", sorted(NEVER_DELEGATED))
async def test_access_never_lets_others_in_or_holds_credentials(platform: Platform, permission: str) -> None:
    """E4, E6."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    answer = await client.gives(master.partner_id, permissions=["crm:read", permission])
    assert (answer.status_code, answer.json()["permissions"]) == (403, [permission])


async def test_nobody_gives_a_partner_what_he_does_not_have(platform: Platform) -> None:
    """B7, E4."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    _, email = await add_user(identity, client.owner, permissions=["entries:write", "crm:read"])
    client.owner = await sign_in(identity, email)
    answer = await client.gives(master.partner_id, permissions=["crm:read", "outbox:read"])
    assert (answer.status_code, answer.json()["permissions"]) == (403, ["outbox:read"])
    assert (await client.gives(master.partner_id, permissions=["crm:read"])).status_code == 200


@pytest.mark.parametrize("days", [-1, 366])
async def test_access_ends_and_not_too_late(platform: Platform, days: int) -> None:
    """E4: within a year."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    until = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    assert (await client.gives(master.partner_id, until=until)).status_code == 422


async def test_a_new_name_is_known_on_both_sides(platform: Platform) -> None:
    """E3: of the client on the panel, of the partner at the client."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    for owner, name in ((client.owner, "Żółw"), (master.owner, "Łódź")):
        assert (await identity.http.patch("/partner", json={"name": name}, headers=owner)).status_code == 200

    async def known() -> bool:
        seen = (await master.sees(q="zolw"))["items"]
        [listed] = (await identity.http.get("/partner-access", headers=client.owner)).json()["items"]
        return [one["name"] for one in seen] == ["Żółw"] and listed["partner_name"] == "Łódź"

    await eventually(known)


async def test_nobody_signs_in_as_the_user_that_a_client_made_for_a_partner(platform: Platform) -> None:
    """E5: he has no address, no password, and is no user that one could give them to."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    user_id = (await client.gives(master.partner_id)).json()["access"]["user_id"]
    for email in (user_id, f"{user_id}@shop.example.com"):
        answer = await identity.http.post("/sign-in", json={"email": email, "password": user_id})
        assert answer.status_code in (401, 422)
    reset = await identity.http.post(f"/users/{user_id}/password-reset", headers=client.owner)
    assert reset.status_code == 404
    renamed = await identity.http.patch(f"/users/{user_id}", json={"name": "Eve"}, headers=client.owner)
    assert renamed.status_code == 404
    assert await identity.database["users"].find_one({"_id": user_id}) is None
