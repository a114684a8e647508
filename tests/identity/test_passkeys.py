"""Passkeys: adding, using, naming and removing them (WebAuthn)."""

import asyncio
import base64
import json
import time
from typing import Any

import httpx

from tests.identity.letters import letters_to
from tests.identity.test_permissions import add_user
from tests.identity.test_second_factors import PROOF, kind, turn_on
from tests.identity.test_sessions import bearer, begin, continue_, is_refused
from tests.identity.test_sign_in import new_partner
from tests.support.authenticator import Authenticator
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

Json = dict[str, Any]


async def options_to_add(identity: Service, tokens: Json) -> Json:
    answer = await identity.http.post("/me/passkeys/challenge", headers=bearer(tokens))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    return answer.json()


async def add(identity: Service, tokens: Json, credential: Json, proof: Json = PROOF) -> httpx.Response:
    body = {"name": "Phone", "credential": credential, "proof": proof}
    return await identity.http.post("/me/passkeys", json=body, headers=bearer(tokens))


async def new_passkey(identity: Service, tokens: Json, **faults: Any) -> Authenticator:
    device = Authenticator(**faults)
    answer = await add(identity, tokens, device.create(await options_to_add(identity, tokens)))
    assert answer.status_code == 201, answer.text
    return device


async def options_to_show(identity: Service) -> Json:
    return (await identity.http.post("/sign-in/passkey/challenge")).json()


async def show(identity: Service, credential: Json) -> httpx.Response:
    return await identity.http.post("/sign-in/passkey", json={"credential": credential})


async def with_passkey(identity: Service) -> tuple[str, Json, Authenticator]:
    """(e-mail of an owner, his tokens, his device)."""
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    return email, tokens, await new_passkey(identity, tokens)


async def test_a_passkey_signs_in_without_a_name_or_password(platform: Platform) -> None:
    """E6: as often as one likes, and its list says when it was used last."""
    identity = await platform.service("identity")
    email, _, device = await with_passkey(identity)
    options = await options_to_show(identity)
    assert not options["publicKey"].get("allowCredentials")
    assert options["publicKey"]["userVerification"] == "required"
    assert (await show(identity, device.get(options))).status_code == 200
    answer = await show(identity, device.get(await options_to_show(identity)))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    me = (await identity.http.get("/me", headers=bearer(answer.json()))).json()
    assert me["email"] == email
    [listed] = (await identity.http.get("/me/passkeys", headers=bearer(answer.json()))).json()
    assert (listed["name"], listed["is_synced"]) == ("Phone", False)
    assert listed["last_used"] is not None
    await letters_to(identity, email, "passkey-added")


async def test_a_passkey_is_enough_where_a_second_factor_is_on_or_required(platform: Platform) -> None:
    """E6: it verifies the person."""
    identity = await platform.service("identity")
    email, tokens, device = await with_passkey(identity)
    change = {"second_factor_required": True}
    assert (await identity.http.patch("/partner", json=change, headers=bearer(tokens))).status_code == 200
    shown = (await show(identity, device.get(await options_to_show(identity)))).json()
    assert shown["second_factor_missing"] is False
    assert (await identity.http.get("/users", headers=bearer(shown))).status_code == 200
    assert (await begin(identity, email))["second_factor_missing"] is True
    await turn_on(identity, shown)
    assert (await show(identity, device.get(await options_to_show(identity)))).status_code == 200


async def test_a_challenge_is_signed_once(platform: Platform) -> None:
    """E6: of many at once, one; nor is one that was made for something else good."""
    identity = await platform.service("identity")
    _, tokens, device = await with_passkey(identity)
    options = await options_to_show(identity)
    credential = device.get(options)
    answers = await asyncio.gather(*(show(identity, credential) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    assert kind(await show(identity, device.get(options))) == "challenge-gone"
    to_add = await options_to_add(identity, tokens)
    assert kind(await show(identity, device.get(to_add))) == "challenge-gone"


async def test_a_challenge_of_the_past_is_refused(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity", instance="impatient-passkeys", CHALLENGE_SECONDS="4")
    _, _, device = await with_passkey(identity)
    options, end = await options_to_show(identity), time.monotonic() + 4
    await eventually(lambda: time.monotonic() > end)
    assert kind(await show(identity, device.get(options))) == "challenge-gone"
    fresh = await show(identity, device.get(await options_to_show(identity)))
    assert fresh.status_code == 200


async def test_a_copy_of_a_passkey_is_noticed_by_its_count(platform: Platform) -> None:
    """E6: one that counts less than it did before signs in nobody."""
    identity = await platform.service("identity")
    _, _, device = await with_passkey(identity)
    device.count = 41
    assert (await show(identity, device.get(await options_to_show(identity)))).status_code == 200
    device.count = 41
    copied = await show(identity, device.get(await options_to_show(identity)))
    assert (copied.status_code, kind(copied)) == (401, "wrong-passkey")


async def test_a_passkey_is_used_by_its_person_on_our_pages(platform: Platform) -> None:
    """E6: no other site, no unverified person, no other key, nobody else's name; all answered alike."""
    identity = await platform.service("identity")
    _, _, device = await with_passkey(identity)
    stranger = Authenticator(id=device.id, user_handle=device.user_handle)
    refused: list[httpx.Response] = []
    for fault in ({"origin": "https://evil.example"}, {"host": "evil.example"}, {"is_verified": False}):
        wrong = Authenticator(id=device.id, user_handle=device.user_handle, count=50, _key=device._key, **fault)  # pyright: ignore[reportPrivateUsage, reportArgumentType]
        refused.append(await show(identity, wrong.get(await options_to_show(identity))))
    refused.append(await show(identity, stranger.get(await options_to_show(identity))))
    nameless = Authenticator(id=device.id, user_handle="", count=50, _key=device._key)  # pyright: ignore[reportPrivateUsage]
    refused.append(await show(identity, nameless.get(await options_to_show(identity))))
    refused.append(await show(identity, Authenticator().get(await options_to_show(identity))))
    assert {(answer.status_code, answer.text) for answer in refused} == {(401, refused[0].text)}
    assert kind(refused[0]) == "wrong-passkey"


async def test_a_passkey_that_is_not_ours_is_not_added(platform: Platform) -> None:
    """E6: nor one without a proof, with a challenge of somebody else, or of a person who was not verified."""
    identity = await platform.service("identity")
    _, tokens, _ = await with_passkey(identity)
    _, others, _ = await with_passkey(identity)
    for fault in ({"origin": "https://evil.example"}, {"host": "evil.example"}, {"is_verified": False}):
        device = Authenticator(**fault)  # pyright: ignore[reportArgumentType]
        answer = await add(identity, tokens, device.create(await options_to_add(identity, tokens)))
        assert (answer.status_code, kind(answer)) == (422, "passkey-invalid")
    device, options = Authenticator(), await options_to_add(identity, tokens)
    unproven = await add(identity, tokens, device.create(options), {"password": "wrong password"})
    assert (unproven.status_code, kind(unproven)) == (401, "wrong-credentials")
    foreign = await add(identity, others, device.create(options))
    assert (foreign.status_code, kind(foreign)) == (401, "challenge-gone")


async def test_a_passkey_belongs_to_one_user_and_there_are_few(platform: Platform) -> None:
    """E6: one that is known is not made again; the same one is nobody else's."""
    identity = await platform.service("identity", instance="few-passkeys", PASSKEYS_PER_USER="1")
    _, tokens, device = await with_passkey(identity)
    options = await options_to_add(identity, tokens)
    [known] = options["publicKey"]["excludeCredentials"]
    assert known["id"] == device.get(await options_to_show(identity))["id"]
    second = await add(identity, tokens, Authenticator().create(options))
    assert (second.status_code, kind(second)) == (409, "passkey-refused")
    _, email = await new_partner(identity)
    others = await begin(identity, email)
    same = await add(identity, others, Authenticator(id=device.id).create(await options_to_add(identity, others)))
    assert (same.status_code, kind(same)) == (409, "passkey-refused")


async def test_a_passkey_is_added_once(platform: Platform) -> None:
    """E6: the same one again, whatever a client sends, would be two of which nobody knows which signs in."""
    identity = await platform.service("identity")
    _, tokens, device = await with_passkey(identity)
    again = await add(identity, tokens, device.create(await options_to_add(identity, tokens)))
    assert (again.status_code, kind(again)) == (409, "passkey-refused")
    assert (await show(identity, device.get(await options_to_show(identity)))).status_code == 200


async def test_a_passkey_whose_name_is_no_text_is_refused(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    credential = Authenticator().get(await options_to_show(identity)) | {"id": "\ud800"}
    body = json.dumps({"credential": credential})
    refused = await identity.http.post("/sign-in/passkey", content=body, headers={"Content-Type": "application/json"})
    assert (refused.status_code, kind(refused)) == (401, "wrong-passkey")


async def test_a_passkey_is_renamed_and_removed_with_a_proof(platform: Platform) -> None:
    """E6: removing ends the sessions and is told; neither is possible with somebody else's."""
    identity = await platform.service("identity")
    email, tokens, device = await with_passkey(identity)
    _, others, _ = await with_passkey(identity)
    [listed] = (await identity.http.get("/me/passkeys", headers=bearer(tokens))).json()
    url = f"/me/passkeys/{listed['id']}"
    assert (await identity.http.patch(url, json={"name": "Mine"}, headers=bearer(others))).status_code == 404
    foreign = await identity.http.post(f"{url}/removal", json={"proof": PROOF}, headers=bearer(others))
    assert foreign.status_code == 404
    assert (await identity.http.patch(url, json={"name": "Work"}, headers=bearer(tokens))).status_code == 204
    [listed] = (await identity.http.get("/me/passkeys", headers=bearer(tokens))).json()
    assert listed["name"] == "Work"
    wrong = {"proof": {"password": "wrong password"}}
    assert (await identity.http.post(f"{url}/removal", json=wrong, headers=bearer(tokens))).status_code == 401
    removed = await identity.http.post(f"{url}/removal", json={"proof": PROOF}, headers=bearer(tokens))
    assert removed.status_code == 204
    assert kind(await show(identity, device.get(await options_to_show(identity)))) == "wrong-passkey"
    assert is_refused(await continue_(identity, tokens))
    await letters_to(identity, email, "passkey-removed")


async def test_a_passkey_is_a_proof_of_its_own_user(platform: Platform) -> None:
    """E6: in place of password and code, for nobody else's account, and once."""
    identity = await platform.service("identity")
    email, tokens, device = await with_passkey(identity)
    _, _, other = await with_passkey(identity)
    body = {"email": f"new-{email}", "proof": {"passkey": other.get(await options_to_show(identity))}}
    foreign = await identity.http.post("/me/email", json=body, headers=bearer(tokens))
    assert (foreign.status_code, kind(foreign)) == (401, "wrong-passkey")
    body["proof"] = {"passkey": device.get(await options_to_show(identity))}
    assert (await identity.http.post("/me/email", json=body, headers=bearer(tokens))).status_code == 202
    again = await identity.http.post("/me/email", json=body, headers=bearer(tokens))
    assert again.status_code == 401
    both = body | {"proof": PROOF | body["proof"]}
    for proof in (both, body | {"proof": {}}):
        assert (await identity.http.post("/me/email", json=proof, headers=bearer(tokens))).status_code == 422


async def test_the_passkeys_of_a_deleted_user_are_forgotten(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    _, owner_email = await new_partner(identity)
    owner = bearer(await begin(identity, owner_email))
    user_id, email = await add_user(identity, owner)
    device = await new_passkey(identity, await begin(identity, email))
    assert (await identity.http.delete(f"/users/{user_id}", headers=owner)).status_code == 204
    assert kind(await show(identity, device.get(await options_to_show(identity)))) == "wrong-passkey"
    assert "passkeys" not in (await identity.database["users"].find_one({"_id": user_id}) or {})


async def test_junk_is_refused_without_an_error_of_ours(platform: Platform) -> None:
    """E6: whatever the bytes are."""
    identity = await platform.service("identity")
    _, tokens, device = await with_passkey(identity)
    good = device.get(await options_to_show(identity))
    made = Authenticator().create(await options_to_add(identity, tokens))
    for junk in (None, 1, "", "AA", "!", [], {}, "A" * 5000):
        for name in good["response"]:
            answer = await show(identity, good | {"response": good["response"] | {name: junk}})
            assert answer.status_code in (401, 422), f"{name}: {junk}: {answer.text}"
        for name in made["response"]:
            answer = await add(identity, tokens, made | {"response": made["response"] | {name: junk}})
            assert answer.status_code in (401, 422), f"{name}: {junk}: {answer.text}"
        for name in good:
            assert (await show(identity, good | {name: junk})).status_code in (200, 401, 422), f"{name}: {junk}"


async def test_what_no_browser_makes_is_not_parsed(platform: Platform) -> None:
    """E6: a stranger's megabytes would keep everybody waiting."""
    identity = await platform.service("identity")
    text = base64.urlsafe_b64encode(b"[" + b"[]," * 2_000_000 + b"[]]").decode()
    body = {"credential": {"id": "abc", "response": {"clientDataJSON": text}}}
    answer = await identity.http.post("/sign-in/passkey", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, "body/credential")
