"""Signing in, and the tokens and keys that come of it."""

import jwt
from jwt import PyJWK

from common.auth import Permission
from common.events import PartnerChanged
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service

PASSWORD = "correct horse battery"


async def new_partner(identity: Service, **changes: object) -> tuple[dict[str, str], str]:
    """(the partner, its owner's e-mail), made by staff."""
    email = f"{unique('owner')}@shop.example.com"
    owner = {"email": email, "name": "Olga", "password": PASSWORD}
    body = {"name": "Shop", "language": "pl", "country": "PL", "owner": owner} | changes
    answer = await identity.http.post("/partners", json=body, headers=identity.tokens.headers("platform"))
    assert answer.status_code == 201, answer.text
    return answer.json(), email


async def sign_in(identity: Service, email: str, password: str = PASSWORD) -> dict[str, str]:
    answer = await identity.http.post("/sign-in", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_an_owner_signs_in_and_every_service_accepts_the_token(platform: Platform) -> None:
    identity, contacts = await platform.service("identity"), await platform.service("contacts")
    partner, email = await new_partner(identity)
    headers = await sign_in(identity, email.upper())
    assert (await identity.http.get("/partner", headers=headers)).json()["partner_id"] == partner["partner_id"]

    async def accepted() -> bool:
        return (await contacts.http.get("/persons", headers=headers)).status_code == 200

    await eventually(accepted)


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(platform: Platform) -> None:
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    wrong = await identity.http.post("/sign-in", json={"email": email, "password": "wrong password"})
    unknown = await identity.http.post("/sign-in", json={"email": "nobody@shop.example.com", "password": "x"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers["content-type"] == "application/problem+json"


async def test_the_published_keys_verify_a_token(platform: Platform) -> None:
    """An outside system needs no more than JWKS."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    token = (await sign_in(identity, email))["Authorization"].removeprefix("Bearer ")
    keys = (await identity.http.get("/.well-known/jwks.json")).json()["keys"]
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [PyJWK(key) for key in keys if key["kid"] == kid]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="switchboard", issuer="https://identity.switchboard")
    assert claims["exp"] - claims["iat"] == 600


async def test_the_categories_of_a_partner_are_announced(platform: Platform) -> None:
    """A7: folded; campaigns name them."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity, categories=["garden", "kitchen", "garden"])
    assert partner["categories"] == ["garden", "kitchen"]
    mine, announced = partner["partner_id"], platform.io.follow(PartnerChanged)
    await announced.wait_for(lambda e: e.data.partner_id == mine)
    owner = await sign_in(identity, email)
    for bad in (["with space"], ["x" * 65], [f"c{i}" for i in range(101)], "garden"):
        answer = await identity.http.patch("/partner", json={"categories": bad}, headers=owner)
        assert answer.status_code == 422, bad
    answer = await identity.http.patch("/partner", json={"categories": ["toys"]}, headers=owner)
    assert answer.json()["categories"] == ["toys"]
    await announced.wait_for(lambda e: e.data.partner_id == mine and e.data.categories == ["toys"])
    states = {e.data.version: e.data.categories for e in announced.events if e.data.partner_id == mine}
    assert list(states.values()) == [["garden", "kitchen"], ["toys"]]  # each may come twice


async def test_a_new_partner_is_announced(platform: Platform) -> None:
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    [event] = await platform.io.follow(PartnerChanged).wait_for(lambda e: e.data.partner_id == partner["partner_id"])
    assert (event.data.name, event.data.language, event.data.owner_email) == ("Shop", "pl", email)


async def test_a_change_that_was_written_is_announced_though_the_process_was_killed(platform: Platform) -> None:
    """F6: the write and the announcement cannot part."""
    identity = await platform.service("identity", instance="relay")
    partner, _ = await new_partner(identity)
    identity.kill()
    change = {"$set": {"name": "Renamed", "announce": True}, "$inc": {"version": 1}}
    await identity.database["partners"].update_one({"_id": partner["partner_id"]}, change)
    await identity.start()
    events = identity.io.follow(PartnerChanged)
    await events.wait_for(lambda e: e.data.partner_id == partner["partner_id"] and e.data.name == "Renamed")


async def test_a_repeated_request_makes_one_partner(platform: Platform) -> None:
    identity = await platform.service("identity")
    owner = {"email": f"{unique('o')}@shop.example.com", "name": "O", "password": PASSWORD}
    headers = platform.tokens.headers("platform") | {"Idempotency-Key": unique("request")}
    body = {"name": "Once", "owner": owner}
    first = await identity.http.post("/partners", json=body, headers=headers)
    second = await identity.http.post("/partners", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


async def test_an_address_is_taken_once(platform: Platform) -> None:
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = {"email": email, "name": "O", "password": "another password"}
    answer = await identity.http.post(
        "/partners", json={"name": "Two", "owner": owner}, headers=platform.tokens.headers("platform")
    )
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "email-taken")


async def test_only_staff_create_partners(platform: Platform) -> None:
    """A5: the refusal names the permission."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = {"email": "x@shop.example.com", "name": "O", "password": PASSWORD}
    body = {"name": "X", "owner": owner}
    answer = await identity.http.post("/partners", json=body, headers=await sign_in(identity, email))
    assert (answer.status_code, answer.json()["permission"]) == (403, "partners:write")


async def test_nobody_gives_what_he_does_not_have(platform: Platform) -> None:
    """B7: an administrator without the outbox cannot give it, and staff's permission is given by nobody."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    admin = {"email": f"{unique('a')}@shop.example.com", "name": "Admin", "password": PASSWORD}
    rights = ["users:read", "users:write", "contacts:read"]
    made = await identity.http.post("/users", json=admin | {"permissions": rights}, headers=owner)
    assert made.status_code == 201
    as_admin = await sign_in(identity, admin["email"])
    other = {"email": f"{unique('b')}@shop.example.com", "name": "B", "password": PASSWORD}
    for wanted in ("outbox:read", "partners:write"):
        answer = await identity.http.post("/users", json=other | {"permissions": [wanted]}, headers=as_admin)
        assert (answer.status_code, answer.json()["permissions"]) == (403, [wanted])
    staff = await identity.http.post("/users", json=other | {"permissions": ["partners:write"]}, headers=owner)
    assert staff.status_code == 403
    raised = await identity.http.patch(
        f"/users/{made.json()['id']}", json={"permissions": ["outbox:read"]}, headers=as_admin
    )
    assert raised.status_code == 403
    fine = await identity.http.post("/users", json=other | {"permissions": ["contacts:read"]}, headers=as_admin)
    assert fine.status_code == 201


async def test_the_owner_stays_the_owner(platform: Platform) -> None:
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    owner = await sign_in(identity, email)
    url = f"/users/{partner['owner_id']}"
    assert (await identity.http.delete(url, headers=owner)).status_code == 409
    assert (await identity.http.patch(url, json={"permissions": []}, headers=owner)).status_code == 409


async def test_users_of_another_partner_do_not_exist(platform: Platform) -> None:
    identity = await platform.service("identity")
    theirs, _ = await new_partner(identity)
    _, email = await new_partner(identity)
    mine = await sign_in(identity, email)
    foreign = await identity.http.delete(f"/users/{theirs['owner_id']}", headers=mine)
    unknown = await identity.http.delete("/users/usr_unknown", headers=mine)
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    listed = (await identity.http.get("/users", headers=mine)).json()["items"]
    assert theirs["owner_id"] not in [user["id"] for user in listed]


async def test_what_is_secret_is_in_no_answer_and_no_log(platform: Platform) -> None:
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    headers = await sign_in(identity, email)
    refused = await identity.http.post("/sign-in", json={"email": email, "password": 5, "canary": "canary-value"})
    assert refused.status_code == 422
    users = await identity.http.get("/users", headers=headers)
    for text in (refused.text, users.text, identity.log_text()):
        assert PASSWORD not in text
        assert "argon2" not in text
        assert "canary-value" not in text
    assert email not in identity.log_text()


async def test_a_short_password_is_refused_without_being_repeated(platform: Platform) -> None:
    identity = await platform.service("identity")
    owner = {"email": "s@shop.example.com", "name": "S", "password": "elevenchars"}
    answer = await identity.http.post(
        "/partners",
        json={"name": "S", "owner": owner},
        headers=platform.tokens.headers("platform", Permission.PARTNERS_WRITE),
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["place"] == "body/owner/password"
    assert "elevenchars" not in answer.text
