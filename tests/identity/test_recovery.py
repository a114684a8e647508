"""Invitations, forgotten passwords and confirmed addresses: the links in mails."""

import asyncio
import statistics
import time
from typing import Any

import httpx
import pytest

from common.events import MessageRequested
from tests.identity.letters import letters_to, link_to
from tests.identity.test_permissions import add_user
from tests.identity.test_sessions import bearer, begin, continue_, is_refused
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.platform import Platform, Service

Json = dict[str, Any]
NEW = "another horse battery"


async def follow(identity: Service, route: str, token: str, password: str = NEW) -> httpx.Response:
    return await identity.http.post(route, json={"token": token, "password": password})


async def forget(identity: Service, email: str) -> None:
    answer = await identity.http.post("/password/forgotten", json={"email": email})
    assert answer.status_code == 202, answer.text


async def invite(identity: Service, by: Json, email: str, **given: Any) -> Json:
    answer = await identity.http.post("/users", json={"email": email, "name": "Nina"} | given, headers=by)
    assert answer.status_code == 201, answer.text
    return answer.json()


def address() -> str:
    return f"{unique('nina').replace('_', '-')}@shop.example.com"


async def test_an_invited_user_sets_his_password_and_signs_in(platform: Platform) -> None:
    """E4: the administrator never knows it."""
    identity, email = await platform.service("identity"), address()
    _, owner_email = await new_partner(identity)
    owner = await sign_in(identity, owner_email)
    user = await invite(identity, owner, email, permissions=["users:read"])
    assert (user["is_invited"], user["email_verified"]) == (True, False)
    refused = await identity.http.post("/sign-in", json={"email": email, "password": PASSWORD})
    assert refused.status_code == 401
    token = await link_to(identity, email, "invitation")
    assert (await follow(identity, "/invitation/accept", token)).status_code == 204
    me = (await identity.http.get("/me", headers=await sign_in(identity, email, NEW))).json()
    assert (me["is_invited"], me["email_verified"], me["may"]) == (False, True, ["users:read"])


async def test_a_partner_is_made_with_an_owner_who_is_invited(platform: Platform) -> None:
    """E4: repeating the request makes one partner, and one invitation."""
    identity, email = await platform.service("identity"), address()
    body = {"name": "Shop", "language": "cs", "owner": {"email": email, "name": "Olga"}}
    staff = platform.tokens.headers("platform") | {"Idempotency-Key": unique("request")}
    first, second = [await identity.http.post("/partners", json=body, headers=staff) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, second.json())
    [letter] = await letters_to(identity, email, "invitation")
    assert letter.content.subject == "Pozvánka do Switchboard"
    assert "„Shop“" in letter.content.text
    assert (letter.partner_id, letter.kind, letter.priority) == ("platform", "account.invitation", 0)
    token = await link_to(identity, email, "invitation")
    assert (await follow(identity, "/invitation/accept", token)).status_code == 204
    owner = await sign_in(identity, email, NEW)
    assert (await identity.http.get("/partner", headers=owner)).json() == first.json()


@pytest.mark.parametrize(("language", "word"), [("pl", "hasło"), ("en", "password"), ("cs", "heslo"), ("hu", "jelszó")])
async def test_mails_are_in_the_language_of_the_partner(platform: Platform, language: str, word: str) -> None:
    """E4."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity, language=language)
    await forget(identity, email)
    [letter] = await letters_to(identity, email, "password-reset")
    assert word in letter.content.subject


async def test_an_invitation_reaches_the_mailbox(platform: Platform, mail: MailServer) -> None:
    """B11, E4: through the platform's own sender account; nothing that somebody chose becomes a header or a link."""
    identity, outbox = await platform.service("identity"), await platform.service("outbox")
    account = {"name": "P", "from_address": "no-reply@switchboard.example", "host": "127.0.0.1", "port": mail.port}
    staff = platform.tokens.headers("platform")
    made = await outbox.http.post("/accounts", json=account | {"tls": "none", "is_default": True}, headers=staff)
    assert made.status_code == 201, made.text
    name = 'Eve" <x@evil.example>, https://evil.example/x \u2028Bcc: y@evil.example'
    _, owner_email = await new_partner(identity, name="Win at www.evil.example/now")
    email = address()
    await invite(identity, await sign_in(identity, owner_email), email, name=name)
    [arrived] = await eventually(lambda: mail.to(email))
    assert arrived.recipients == [email]
    assert arrived.message["Bcc"] is None
    assert arrived.message["Subject"] == "Zaproszenie do Switchboard"
    body = arrived.message.get_body(("plain",))
    assert body is not None
    assert "evil.example" not in body.get_content()
    assert "#token=usr_" in body.get_content().replace("=\n", "")


@pytest.mark.parametrize("name", ["Eve\r\nBcc: x@evil.example", "Eve\nX: y", "\x00"])
async def test_a_name_with_a_line_end_is_refused(platform: Platform, name: str) -> None:
    """E4: header injection."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    body = {"email": address(), "name": name}
    assert (await identity.http.post("/users", json=body, headers=await sign_in(identity, email))).status_code == 422


async def test_a_link_is_good_once_and_for_one_purpose(platform: Platform) -> None:
    """E6: also to many at once; and all that is not good is answered alike."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    await forget(identity, email)
    token = await link_to(identity, email, "password-reset")
    refused = [
        await follow(identity, "/invitation/accept", token),
        await identity.http.post("/email/confirm", json={"token": token}),
        await follow(identity, "/password/reset", token[:-1]),
        await follow(identity, "/password/reset", f"usr_unknown.{token}"),
    ]
    together = await asyncio.gather(*(follow(identity, "/password/reset", token, f"{NEW} {i}") for i in range(5)))
    assert sorted(answer.status_code for answer in together) == [204, 400, 400, 400, 400]
    refused += [answer for answer in together if answer.status_code != 204]
    refused.append(await follow(identity, "/password/reset", token))
    assert {(answer.status_code, answer.text) for answer in refused} == {(400, refused[0].text)}
    assert refused[0].json()["type"].endswith("/link-not-good")


async def test_a_later_link_takes_the_place_of_an_earlier_one(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    await forget(identity, email)
    first = await link_to(identity, email, "password-reset")
    await forget(identity, email)
    second = await link_to(identity, email, "password-reset", count=2)
    assert (await follow(identity, "/password/reset", first)).status_code == 400
    assert (await follow(identity, "/password/reset", second)).status_code == 204


async def test_a_link_expires(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity", instance="brief", PASSWORD_RESET_MINUTES="0.00001")
    _, email = await new_partner(identity)
    await forget(identity, email)
    token = await link_to(identity, email, "password-reset")
    assert (await follow(identity, "/password/reset", token)).status_code == 400


async def test_a_password_that_is_too_easy_does_not_use_the_link_up(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    await forget(identity, email)
    token = await link_to(identity, email, "password-reset")
    assert (await follow(identity, "/password/reset", token, "passwordpassword")).status_code == 422
    assert (await follow(identity, "/password/reset", token)).status_code == 204


async def test_a_reset_ends_all_sessions_and_is_told(platform: Platform) -> None:
    """E6: a link to confirm the address, mailed before, is not good either."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    await identity.http.post("/me/email/confirmation", headers=bearer(tokens))
    other = await link_to(identity, email, "email")
    await forget(identity, email)
    token = await link_to(identity, email, "password-reset")
    assert (await follow(identity, "/password/reset", token)).status_code == 204
    assert is_refused(await continue_(identity, tokens))
    assert (await identity.http.post("/email/confirm", json={"token": other})).status_code == 400
    [told] = await letters_to(identity, email, "password-changed")
    assert "Ustawiono nowe hasło" in told.content.text
    assert "#token" not in told.content.text
    assert (await identity.http.post("/sign-in", json={"email": email, "password": PASSWORD})).status_code == 401
    await sign_in(identity, email, NEW)


async def test_nobody_learns_who_has_an_account(platform: Platform) -> None:
    """E6: the same answer in the same time, and no mail to who has none."""
    identity = await platform.service("identity", instance="many-mails", MAILS_PER_ADDRESS="100")
    _, email = await new_partner(identity)
    took: dict[str, list[float]] = {email: [], f"un{email}": []}
    answers = set[tuple[int, str]]()
    for _ in range(20):
        for one, times in took.items():
            began = time.perf_counter()
            answer = await identity.http.post("/password/forgotten", json={"email": one})
            times.append(time.perf_counter() - began)
            answers.add((answer.status_code, answer.text))
    assert len(answers) == 1
    known, unknown = (statistics.median(times) for times in took.values())
    assert 0.5 < known / unknown < 2, (known, unknown)
    await letters_to(identity, email, "password-reset", count=20)

    async def is_answered() -> bool:
        return await identity.database["password_requests"].count_documents({}) == 0

    await eventually(is_answered)
    followed = identity.io.follow(MessageRequested)
    assert f"un{email}" not in [event.data.recipient.address for event in followed.events]


async def test_mails_to_an_address_are_few(platform: Platform) -> None:
    """E6: alike for an address that nobody has; others are not touched by it."""
    identity = await platform.service("identity", instance="few-mails", MAILS_PER_ADDRESS="2", MAIL_SECONDS="3600")
    _, email = await new_partner(identity)
    statuses: list[list[int]] = []
    for one in (email, f"un{email}"):
        asked = [await identity.http.post("/password/forgotten", json={"email": one}) for _ in range(3)]
        statuses.append([answer.status_code for answer in asked])
    assert statuses == [[202, 202, 429]] * 2
    _, other = await new_partner(identity)
    await forget(identity, other)


async def test_a_mail_leaves_though_the_process_was_killed_before(platform: Platform) -> None:
    """F6: it is written with the user; and published again it is the same message."""
    identity = await platform.service("identity", instance="killed-mails")
    _, owner_email = await new_partner(identity)
    email = address()
    user = await invite(identity, await sign_in(identity, owner_email), email)
    [first] = await letters_to(identity, email, "invitation")
    await eventually(lambda: _has_no_letters(identity, user["id"]))
    identity.kill()
    document = await identity.database["users"].find_one({"_id": user["id"]})
    assert document is not None
    assert document["letters"] == []
    letter = {
        "id": first.event.id, "kind": "password-changed", "address": email, "name": "Nina", "language": "en",
        "company": "Shop", "at": first.event.time, "sealed": None, "expires_at": None, "trace": None,
    }  # fmt: skip
    await identity.database["users"].update_one({"_id": user["id"]}, {"$push": {"letters": letter}})
    await identity.start()
    [told] = await letters_to(identity, email, "password-changed")
    assert "Shop" in told.content.text


async def _has_no_letters(identity: Service, user_id: str) -> bool:
    document = await identity.database["users"].find_one({"_id": user_id})
    return document is not None and document["letters"] == []


async def test_a_request_is_answered_though_the_process_was_killed_before(platform: Platform) -> None:
    """F6: and two answers of one request are one message with the one link that is good."""
    identity = await platform.service("identity", instance="killed-requests")
    _, email = await new_partner(identity)
    identity.kill()
    await identity.database["password_requests"].insert_one({"_id": "req_1", "email": email, "at": 0})
    await asyncio.gather(identity.start(), (await platform.replica(identity)).ready())
    token = await link_to(identity, email, "password-reset")
    assert (await follow(identity, "/password/reset", token)).status_code == 204


async def test_what_is_secret_of_a_link_is_kept_as_a_hash(platform: Platform) -> None:
    """E6: and is in no log."""
    identity = await platform.service("identity")
    partner, email = await new_partner(identity)
    await forget(identity, email)
    token = await link_to(identity, email, "password-reset")
    await eventually(lambda: _has_no_letters(identity, partner["owner_id"]))
    document = str(await identity.database["users"].find_one({"_id": partner["owner_id"]}))
    secret = token.partition(".")[2]
    for text in (document, identity.log_text()):
        assert secret not in text
        assert "sealed" not in text
    assert email not in identity.log_text()


async def test_a_new_address_is_confirmed_there_and_told_at_the_old_one(platform: Platform) -> None:
    """E6: until then the old one is good; sessions go on."""
    identity, new = await platform.service("identity"), address()
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    body = {"email": new.upper(), "proof": {"password": PASSWORD}}
    wrong = body | {"proof": {"password": "wrong password"}}
    assert (await identity.http.post("/me/email", json=wrong, headers=bearer(tokens))).status_code == 401
    assert (await identity.http.post("/me/email", json=body, headers=bearer(tokens))).status_code == 202
    token = await link_to(identity, new, "email")
    assert (await identity.http.get("/me", headers=bearer(tokens))).json()["email"] == email
    assert (await identity.http.post("/email/confirm", json={"token": token})).status_code == 204
    me = (await identity.http.get("/me", headers=bearer(tokens))).json()
    assert (me["email"], me["email_verified"]) == (new, True)
    [told] = await letters_to(identity, email, "email-changed")
    assert new not in told.content.text
    await sign_in(identity, new)


async def test_nobody_learns_by_a_new_address_who_has_it(platform: Platform) -> None:
    """E6: only who reads its mails is told that it is taken."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    _, taken = await new_partner(identity)
    owner = await sign_in(identity, email)
    answers = [
        await identity.http.post("/me/email", json={"email": one, "proof": {"password": PASSWORD}}, headers=owner)
        for one in (address(), taken)
    ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    token = await link_to(identity, taken, "email")
    assert (await identity.http.post("/email/confirm", json={"token": token})).status_code == 409


async def test_a_password_is_changed_with_a_proof(platform: Platform) -> None:
    """E6: nobody does it with a token alone; every session ends, and the person is told."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    change = {"password": NEW, "proof": {"password": "wrong password"}}
    answer = await identity.http.put("/me/password", json=change, headers=bearer(tokens))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, "wrong-credentials")
    change["proof"] = {"password": PASSWORD}
    assert (await identity.http.put("/me/password", json=change, headers=bearer(tokens))).status_code == 204
    assert is_refused(await continue_(identity, tokens))
    await letters_to(identity, email, "password-changed")
    await sign_in(identity, email, NEW)


async def test_an_administrator_sends_links_and_never_sets_anothers_password(platform: Platform) -> None:
    """B7, E6."""
    identity = await platform.service("identity")
    _, owner_email = await new_partner(identity)
    owner = await sign_in(identity, owner_email)
    user_id, email = await add_user(identity, owner)
    url = f"/users/{user_id}"
    assert (await identity.http.patch(url, json={"password": NEW}, headers=owner)).status_code == 422
    assert (await identity.http.post(f"{url}/invitation", headers=owner)).status_code == 409
    assert (await identity.http.post(f"{url}/password-reset", headers=owner)).status_code == 202
    assert (await follow(identity, "/password/reset", await link_to(identity, email, "password-reset"))).is_success
    invited = await invite(identity, owner, address())
    assert (await identity.http.post(f"/users/{invited['id']}/invitation", headers=owner)).status_code == 202
    token = await link_to(identity, invited["email"], "invitation", count=2)
    assert (await follow(identity, "/invitation/accept", token)).status_code == 204


async def test_the_links_of_a_deleted_user_are_not_good(platform: Platform) -> None:
    """E6."""
    identity, email = await platform.service("identity"), address()
    _, owner_email = await new_partner(identity)
    owner = await sign_in(identity, owner_email)
    user = await invite(identity, owner, email)
    token = await link_to(identity, email, "invitation")
    assert (await identity.http.delete(f"/users/{user['id']}", headers=owner)).status_code == 204
    assert (await follow(identity, "/invitation/accept", token)).status_code == 400
