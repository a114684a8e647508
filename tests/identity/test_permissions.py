"""Permissions and roles: what there is, who gives what (A5, B7, D7)."""

import pytest

from common.auth import DESCRIPTIONS, ROLES, STAFF_ONLY, Permission
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.eventually import unique
from tests.support.platform import Platform, Service

SIX = {
    "Account Partner Manager",
    "Account Customer Manager",
    "Account Partner Reader",
    "Account Customer Reader",
    "Account Partner Admin",
    "Account Customer Admin",
}


async def add_user(identity: Service, by: dict[str, str], **given: list[str]) -> tuple[str, str]:
    """(id, e-mail) of a new user with these `permissions` and `roles`."""
    email = f"{unique('u')}@shop.example.com"
    user = {"email": email, "name": "U", "password": PASSWORD} | given
    answer = await identity.http.post("/users", json=user, headers=by)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], email


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_said_in_both_languages(permission: Permission) -> None:
    """A5."""
    words = DESCRIPTIONS[permission]
    assert words.pl
    assert words.en
    assert words.pl != words.en


async def test_the_registry_lists_the_six_roles_of_the_crm(platform: Platform) -> None:
    """D7: by their names, with what each may do, and nothing that is staff's."""
    identity = await platform.service("identity")
    registry = (await identity.http.get("/permissions", headers=platform.tokens.headers("prt_1"))).json()
    assert {role["name"]["en"] for role in registry["roles"]} == SIX
    assert {one["id"] for one in registry["permissions"]} == set(Permission)
    assert {one["id"] for one in registry["permissions"] if one["staff_only"]} == STAFF_ONLY
    given = {permission for role in registry["roles"] for permission in role["permissions"]}
    assert given
    assert not given & STAFF_ONLY


async def test_a_role_gives_its_permissions_and_is_taken_as_one(platform: Platform) -> None:
    """D7."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    user_id, _ = await add_user(identity, owner, roles=["account_partner_admin"], permissions=["users:read"])
    [listed] = [
        one for one in (await identity.http.get("/users", headers=owner)).json()["items"] if one["id"] == user_id
    ]
    assert listed["permissions"] == ["users:read"]
    assert set(listed["may"]) == {"users:read", "crm_partners:read", "crm_partners:write"}
    changed = await identity.http.patch(f"/users/{user_id}", json={"roles": []}, headers=owner)
    assert (changed.json()["roles"], changed.json()["may"]) == ([], ["users:read"])


async def test_nobody_gives_or_takes_a_role_with_a_permission_that_he_lacks(platform: Platform) -> None:
    """B7, D7: a reader who administers users makes readers, not administrators of accounts."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    roles = ["account_customer_reader"]
    _, administrator = await add_user(identity, owner, permissions=["users:read", "users:write"], roles=roles)
    above, _ = await add_user(identity, owner, roles=["account_customer_admin"])
    as_administrator = await sign_in(identity, administrator)
    below, _ = await add_user(identity, as_administrator, roles=roles)
    for user_id, change in ((below, {"roles": ["account_customer_admin"]}), (above, {"roles": []})):
        answer = await identity.http.patch(f"/users/{user_id}", json=change, headers=as_administrator)
        assert (answer.status_code, answer.json()["permissions"]) == (403, ["crm_customers:write"])


async def test_an_owner_has_a_permission_that_came_after_him(platform: Platform) -> None:
    """B7: he may give any permission to any user of the partner."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    change = {"$set": {"permissions": ["users:write"]}}
    await identity.database["users"].update_one({"_id": partner["owner_id"]}, change)
    owner = await sign_in(identity, email)
    assert set((await identity.http.get("/me", headers=owner)).json()["may"]) == set(Permission) - STAFF_ONLY
    await add_user(identity, owner, permissions=sorted(set(Permission) - STAFF_ONLY), roles=sorted(ROLES))
