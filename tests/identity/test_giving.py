"""Nobody gives what he does not have at that moment, however much happens in it (B7)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from common.auth import Permission
from tests.identity.test_permissions import add_user
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.platform import Platform, Service

ROUNDS = 25


async def permissions_of(identity: Service, user_id: str, by: dict[str, str]) -> list[str]:
    listed = (await identity.http.get("/users", headers=by)).json()["items"]
    [user] = [one for one in listed if one["id"] == user_id]
    return user["permissions"]


async def test_what_is_taken_away_is_not_given_back_by_whoever_changes_something_else(platform: Platform) -> None:
    """B7: he does not have it, so it is either there before and after his change, or not any more."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    _, email = await add_user(identity, owner, permissions=["users:write", "contacts:read"])
    administrator, (user_id, _) = await sign_in(identity, email), await add_user(identity, owner)

    async def gives(by: dict[str, str], *permissions: str) -> int:
        body = {"permissions": permissions}
        return (await identity.http.patch(f"/users/{user_id}", json=body, headers=by)).status_code

    for _ in range(ROUNDS):
        assert await gives(owner, "outbox:read") == 200
        both = gives(administrator, "outbox:read", "contacts:read"), gives(owner)
        assert (await asyncio.gather(*both))[1] == 200
        assert await permissions_of(identity, user_id, owner) == []


async def test_a_token_that_says_more_than_its_user_may_gives_no_more_than_he_has(platform: Platform) -> None:
    """B7: it is good for a moment yet, and what it gives to himself, to others, machines and partners would stay."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    owner, has = await sign_in(identity, email), ["users:write", "machines:write", "entries:write"]
    user_id, _ = await add_user(identity, owner, permissions=has)
    said = identity.tokens.headers(partner["partner_id"], *Permission, user_id=user_id)
    given = {"permissions": ["outbox:read"]}
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    bodies: dict[tuple[str, str], dict[str, Any]] = {
        ("PATCH", f"/users/{user_id}"): {"permissions": [*has, "outbox:read"]},
        ("POST", "/users"): given | {"email": f"x{email}", "name": "X"},
        ("POST", "/machines"): given | {"name": "X"},
        ("PUT", "/partner-access/prt_other"): given | {"until": until},
    }
    for (method, path), body in bodies.items():
        answer = await identity.http.request(method, path, json=body, headers=said)
        assert (answer.status_code, answer.json().get("permissions")) == (403, ["outbox:read"]), answer.text


async def test_nobody_deletes_whoever_may_do_more_than_himself(platform: Platform) -> None:
    """B7: he would take what he does not have; by a role as well, and by a token that says more than he may."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    own_id, email = await add_user(identity, owner, permissions=["users:write"])
    administrator = await sign_in(identity, email)
    said = identity.tokens.headers(partner["partner_id"], *Permission, user_id=own_id)
    more = {"permissions": ["outbox:read"]}, {"roles": ["account_partner_reader"]}
    for given, missing in zip(more, ("outbox:read", "crm_partners:read"), strict=True):
        user_id, _ = await add_user(identity, owner, **given)
        for by in (administrator, said):
            refused = await identity.http.delete(f"/users/{user_id}", headers=by)
            assert (refused.status_code, refused.json().get("permissions")) == (403, [missing]), refused.text
            assert refused.json()["type"].endswith("/cannot-grant")
        assert (await identity.http.delete(f"/users/{user_id}", headers=owner)).status_code == 204
    user_id, _ = await add_user(identity, owner, permissions=["users:write"])
    assert (await identity.http.delete(f"/users/{user_id}", headers=administrator)).status_code == 204
