"""Entering a client's account: by token exchange, by a code, and back (E5)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from common.auth import Permission
from tests.identity.entering import SCOPE, VERIFIER, Client, Master, claims, connected, new_client, new_master, switch
from tests.identity.test_audit import is_action, until
from tests.identity.test_revocation import WHILE_ACTING, all_five, statuses, until_refused
from tests.identity.test_second_factors import challenge, turn_on
from tests.identity.test_sessions import bearer, begin, is_refused
from tests.support.eventually import eventually
from tests.support.platform import Platform


def problem(answer_json: dict[str, str]) -> tuple[str, str]:
    return answer_json["type"].rpartition("/")[2], answer_json["error"]


async def test_a_master_enters_without_a_password_and_the_token_says_who_acts_for_whom(platform: Platform) -> None:
    """E5, E6: every service takes it, for the client's account; and it lives a quarter of an hour."""
    services = await all_five(platform)
    identity = services[0]
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    assert (tokens["token_type"], tokens["expires_in"], tokens["refresh_token"]) == ("Bearer", 900, None)
    assert tokens["issued_token_type"] == "urn:ietf:params:oauth:token-type:access_token"
    said = claims(tokens)
    [entry] = await client.entries()
    given = (await identity.http.get("/partner-access", headers=client.owner)).json()["items"][0]["access"]
    assert (said["sub"], said["partner_id"], said["sid"]) == (given["user_id"], client.id, entry["id"])
    assert said["act"] == {"sub": master.user_id, "partner_id": master.partner_id, "ver": 1}
    assert (said["permissions"], said["exp"] - said["iat"]) == (sorted(SCOPE), 900)
    assert await statuses(services, tokens, WHILE_ACTING) == {200}
    assert (await identity.http.get("/partner", headers=bearer(tokens))).json()["partner_id"] == client.id


async def test_whoever_may_do_nothing_for_want_of_a_second_factor_enters_no_account(platform: Platform) -> None:
    """E5, E6: his company requires one, and he signed in without; with one he enters."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    change = {"second_factor_required": True}
    assert (await identity.http.patch("/partner", json=change, headers=master.owner)).status_code == 200
    weak = await begin(identity, master.email)
    assert weak["second_factor_missing"] is True
    refused = await master.exchange(client.id, weak["access_token"])
    assert (refused.status_code, *problem(refused.json())) == (400, "invalid-target", "invalid_target")
    app, _ = await turn_on(identity, weak)
    step = {"challenge": await challenge(identity, master.email), "code": app.code()}
    strong = (await identity.http.post("/sign-in/second-step", json=step)).json()
    assert (await master.exchange(client.id, strong["access_token"])).status_code == 200


async def test_a_token_is_good_for_what_was_given_and_asked_for(platform: Platform) -> None:
    """E6: the narrower of both."""
    identity = await platform.service("identity")
    master, client = await connected(identity, permissions=["crm:read", "outbox:read"])
    tokens = await master.enters(client.id, scope="outbox:read users:write entries:write")
    assert (tokens["scope"], claims(tokens)["permissions"]) == ("outbox:read", ["outbox:read"])
    nothing = await master.exchange(client.id, scope="users:read")
    assert (nothing.status_code, nothing.json()["error"]) == (400, "invalid_scope")


async def test_what_is_never_delegated_is_in_no_token_though_it_was_given_once(platform: Platform) -> None:
    """E6: before it was known to let others in."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    older = {"$set": {"access.permissions": ["crm:read", "users:write"]}}
    await identity.database["connections"].update_one({"entered_by": master.partner_id}, older)
    assert (await master.enters(client.id))["scope"] == "crm:read"
    assert (await master.exchange(client.id, scope="users:write")).json()["error"] == "invalid_scope"


async def test_an_entry_is_renewed_and_stays_the_same(platform: Platform) -> None:
    """E5: with the own token, as long as the access stands; the client sees all that it was good for."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    first = await master.enters(client.id, scope="crm:read")
    [before] = await client.entries()
    second = await master.enters(client.id, scope="outbox:read")
    [after] = await client.entries()
    assert claims(first)["sid"] == claims(second)["sid"] == before["id"] == after["id"]
    assert before["ends_at"] < after["ends_at"]
    assert (before["permissions"], after["permissions"]) == (["crm:read"], ["crm:read", "outbox:read"])


async def test_the_end_of_access_is_the_end_of_the_token(platform: Platform) -> None:
    """E4, E5: whichever comes first."""
    identity = await platform.service("identity")
    until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    master, client = await connected(identity, until=until)
    assert 240 < (await master.enters(client.id))["expires_in"] <= 300


async def test_a_key_is_trusted_until_the_last_token_of_an_entry_is_over(platform: Platform) -> None:
    """E5: also a token that was signed a moment before the key retired."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    key = await identity.database["signing_keys"].find_one({})
    assert key is not None
    assert (key["trusted_until"] - key["retires_at"]).total_seconds() >= tokens["expires_in"]


async def test_nobody_enters_where_one_yes_is_missing(platform: Platform) -> None:
    """E1, E2, E4: in the same words, whichever it is, as for a client that does not exist."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    stranger, other = await new_master(identity), await new_client(identity)
    base, url = f"/partners/{master.partner_id}", f"/partners/{master.partner_id}/clients/{client.id}"
    mark = f"/users/{master.user_id}/master"
    answers = [
        await master.exchange(other.id),
        await master.exchange("prt_unknown"),
        await stranger.exchange(client.id),
    ]
    await switch(identity, url, False)
    answers.append(await master.exchange(client.id))
    await switch(identity, url, True)
    await switch(identity, f"{base}/masters", False)
    answers.append(await master.exchange(client.id))
    await switch(identity, f"{base}/masters", True)
    await switch(identity, mark, False, master.owner)
    answers.append(await master.exchange(client.id))
    await switch(identity, mark, True, master.owner)
    assert (await master.exchange(client.id)).status_code == 200
    await identity.http.delete(f"/partner-access/{master.partner_id}", headers=client.owner)
    answers.append(await master.exchange(client.id))
    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.text for answer in answers}) == 1
    assert problem(answers[0].json()) == ("invalid-target", "invalid_target")


async def test_only_a_users_own_good_token_is_exchanged(platform: Platform) -> None:
    """E5, E6: not one that acts for somebody already, not a machine's, none that is forged or over."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    delegated = (await master.enters(client.id))["access_token"]
    chained = await master.exchange(client.id, delegated)
    assert (chained.status_code, problem(chained.json())) == (400, ("invalid-request", "invalid_request"))
    assert (await master.exchange(client.id, "junk")).json()["error"] == "invalid_request"
    no_session = identity.tokens.sign(master.partner_id, *Permission, user_id=master.user_id)
    assert (await master.exchange(client.id, no_session)).json()["error"] == "invalid_target"
    typed = await master.exchange(client.id, subject_token_type="urn:ietf:params:oauth:token-type:jwt")
    assert typed.json()["error"] == "invalid_request"
    await identity.http.delete("/sessions", headers=master.headers)
    await until_refused([identity], master.own)
    assert (await master.exchange(client.id)).json()["error"] == "invalid_request"


async def test_one_call_leads_back_to_the_panel_with_the_own_token(platform: Platform) -> None:
    """E5: and the entry is over."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    body = {"refresh_token": master.own["refresh_token"]}
    left = await identity.http.post("/entry/leave", json=body, headers=bearer(tokens))
    assert (left.status_code, left.headers["cache-control"]) == (200, "no-store")
    own = left.json()["own"]
    assert (await identity.http.get("/me", headers=bearer(own))).json()["id"] == master.user_id
    assert (await identity.http.get("/panel", headers=bearer(own))).status_code == 200
    await until_refused([identity], tokens)
    assert await client.state() == ("ended", "left")


async def test_a_token_that_acts_is_never_enough_for_the_own_one(platform: Platform) -> None:
    """E6: who lost it to a thief lost one client, not all; and leaving is nothing for whoever acts for nobody."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    left = await identity.http.post("/entry/leave", json={}, headers=bearer(tokens))
    assert (left.status_code, left.json()) == (200, {"own": None})
    assert (await identity.http.post("/entry/leave", json={}, headers=master.headers)).status_code == 404
    again = await master.enters(client.id)
    wrong = await identity.http.post("/entry/leave", json={"refresh_token": "a.1.b"}, headers=bearer(again))
    assert is_refused(wrong)
    await until_refused([identity], again)


async def test_whoever_acts_is_told_for_whom_and_how_far(platform: Platform) -> None:
    """E5: as the client sees it, too."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    entry = (await identity.http.get("/entry", headers=bearer(tokens))).json()
    assert [entry] == await client.entries() == await client.entries(only_open=True)
    assert (entry["master_id"], entry["master_name"], entry["partner_name"]) == (master.user_id, "U", "Implementer")
    assert (entry["state"], entry["client_name"], entry["permissions"]) == ("running", "Client", sorted(SCOPE))
    assert (await identity.http.get("/entry", headers=master.headers)).status_code == 404
    ours = (await identity.http.get("/entries/ours", headers=master.owner)).json()["items"]
    assert ours == [entry]
    stranger = await new_client(identity)
    assert await stranger.entries() == []


async def test_the_list_of_entries_is_paged_newest_first(platform: Platform) -> None:
    """E6: the client sees each."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    entered: list[str] = []
    for _ in range(3):
        entered.append(claims(await master.enters(client.id))["sid"])
        await identity.http.delete(f"/entries/{entered[-1]}", headers=client.owner)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await identity.http.get("/entries", params=params, headers=client.owner)).json()
        seen += [one["id"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == entered[::-1]
    assert await client.entries(only_open=True) == []


async def test_a_code_hands_an_entry_over_once(platform: Platform) -> None:
    """E5: to whoever knows the verifier; and it is kept as a hash."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    code = await master.code(client.id)
    assert code not in str(await identity.database["entry_codes"].find().to_list())
    stolen = await master.use(code, "w" * 43)
    assert is_refused(stolen)
    tokens = (await master.use(code)).json()
    assert claims(tokens)["act"]["sub"] == master.user_id
    assert len(await client.entries()) == 1
    for secret in (code, VERIFIER, tokens["access_token"]):
        assert secret not in identity.log_text()


async def test_a_code_that_comes_again_ends_what_it_gave(platform: Platform) -> None:
    """E6: whoever of the two is the thief; the client's log says so. Without the verifier nobody ends anything."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    code = await master.code(client.id)
    tokens = (await master.use(code)).json()
    assert is_refused(await master.use(code, "w" * 43))
    assert await client.state() == ("running", None)
    assert is_refused(await master.use(code))
    assert await client.state() == ("ended", "code")
    await until_refused([identity], tokens)
    assert is_refused(await master.use(code))
    [ended] = await until(identity, client.owner, is_action("entry ended"))
    assert (ended["session_id"], ended["details"]) == (claims(tokens)["sid"], {"because": ["code used again"]})
    assert (await master.use(await master.code(client.id))).status_code == 200


async def with_a_twin(platform: Platform) -> tuple[Master, Master, Client]:
    """A master, the same one at another process of identity, and a client that he enters."""
    identity = await platform.service("identity")
    replica = await platform.replica(identity)
    master, client = await connected(identity)
    twin = Master(replica, {"partner_id": master.partner_id}, master.owner, master.user_id, master.email, master.own)
    return master, twin, client


async def test_a_code_that_many_bring_at_once_gives_none_of_them_anything_that_lasts(platform: Platform) -> None:
    """E6: also where it comes again before it is known what it gave."""
    master, twin, client = await with_a_twin(platform)
    for _ in range(5):
        code = await master.code(client.id)
        answers = await asyncio.gather(*(one.use(code) for one in (master, twin) * 5))
        assert sum(answer.status_code == 200 for answer in answers) <= 1
        assert all(is_refused(answer) for answer in answers if answer.status_code != 200)
        assert await client.entries(only_open=True) == []
        assert await client.state() == ("ended", "code")


async def test_a_code_is_good_for_a_short_time(platform: Platform) -> None:
    """E5."""
    identity = await platform.service("identity", instance="codes", ENTRY_CODE_SECONDS="0.05")
    master, client = await connected(identity)
    code, made = await master.code(client.id), time.monotonic()
    await eventually(lambda: time.monotonic() - made > 0.05)
    assert is_refused(await master.use(code))


async def test_a_code_does_not_outlive_what_it_was_made_from(platform: Platform) -> None:
    """E5: access that was taken, or a session that ended, between making and using it."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    code = await master.code(client.id)
    await identity.http.delete(f"/partner-access/{master.partner_id}", headers=client.owner)
    assert (await master.use(code)).json()["error"] == "invalid_target"
    await client.gives(master.partner_id)
    code = await master.code(client.id)
    await identity.http.delete("/sessions", headers=master.headers)
    assert (await master.use(code)).json()["error"] == "invalid_target"
    master.headers = bearer(await begin(identity, master.email))
    nowhere = await identity.http.post("/panel/prt_x/code", json={"code_challenge": "c" * 43}, headers=master.headers)
    assert nowhere.status_code == 404


@pytest.mark.parametrize("challenge", ["", "c" * 42, "c" * 44, "c" * 42 + "="])
async def test_a_code_needs_a_challenge(platform: Platform, challenge: str) -> None:
    """E5: of the only method there is, S256."""
    identity = await platform.service("identity")
    headers = identity.tokens.headers("prt_1")
    answer = await identity.http.post("/panel/prt_2/code", json={"code_challenge": challenge}, headers=headers)
    assert answer.status_code == 422


async def test_two_exchanges_at_once_are_one_entry(platform: Platform) -> None:
    """E5: a second click waits for nobody and is nothing new."""
    master, twin, client = await with_a_twin(platform)
    for _ in range(10):
        answers = await asyncio.gather(*(one.exchange(client.id) for one in (master, twin) * 5))
        assert {answer.status_code for answer in answers} == {200}
        [entry] = await client.entries(only_open=True)
        assert {claims(answer.json())["sid"] for answer in answers} == {entry["id"]}
        await client.identity.http.delete(f"/entries/{entry['id']}", headers=client.owner)
