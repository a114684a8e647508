"""Sessions: continuing, repeating, stealing, signing out (E6)."""

import asyncio
from typing import Any

import httpx

from tests.identity.test_sign_in import PASSWORD, new_partner
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

Json = dict[str, Any]


async def begin(identity: Service, email: str, client: str = "Browser") -> Json:
    """A new session's tokens."""
    credentials = {"email": email, "password": PASSWORD}
    answer = await identity.http.post("/sign-in", json=credentials, headers={"User-Agent": client})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def continue_(identity: Service, tokens: Json) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await identity.http.post("/token", data=form)


def bearer(tokens: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


async def test_a_session_goes_on_with_the_next_token_each_time(platform: Platform) -> None:
    """E6: by OAuth's words, never to be cached."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    seen = {tokens["refresh_token"]}
    for _ in range(3):
        answer = await continue_(identity, tokens)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        tokens = answer.json()
        assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 600)
        seen.add(tokens["refresh_token"])
    assert len(seen) == 4
    assert (await identity.http.get("/me", headers=bearer(tokens))).status_code == 200


async def test_a_lost_answer_is_repeated_also_to_many_at_once(platform: Platform) -> None:
    """E6: within the grace window the same token has the same successor, so that two tabs stay signed in."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    answers = await asyncio.gather(*(continue_(identity, tokens) for _ in range(10)))
    [following] = {answer.json()["refresh_token"] for answer in answers}
    assert (await continue_(identity, {"refresh_token": following})).status_code == 200


async def test_a_token_used_again_later_ends_the_session(platform: Platform) -> None:
    """E6: whoever of the two is the thief, neither goes on; other sessions do."""
    identity = await platform.service("identity", instance="no-grace", REFRESH_GRACE_SECONDS="0")
    _, email = await new_partner(identity)
    stolen, other = await begin(identity, email), await begin(identity, email)
    following = (await continue_(identity, stolen)).json()
    assert is_refused(await continue_(identity, stolen))
    assert is_refused(await continue_(identity, following))
    assert (await continue_(identity, other)).status_code == 200


async def test_a_token_before_the_last_ends_the_session_whatever_the_grace(platform: Platform) -> None:
    """E6: the grace is for the last token alone."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    first = await begin(identity, email)
    second = (await continue_(identity, first)).json()
    third = (await continue_(identity, second)).json()
    assert is_refused(await continue_(identity, first))
    assert is_refused(await continue_(identity, third))


async def test_a_token_that_was_made_up_ends_nothing(platform: Platform) -> None:
    """E6: whoever knows the id of a session, which is no secret, can neither continue nor end it."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    session, number, proof = tokens["refresh_token"].split(".")
    for forged in (f"{session}.{number}.x", f"{session}.0.{proof}", f"{session}.2.{proof}", f"ses_x.1.{proof}"):
        assert is_refused(await continue_(identity, {"refresh_token": forged})), forged
    for junk in ("junk", "..", f"{session}.-1.{proof}", f"{session}.²x.{proof}", "é.1.é", "a" * 1000):
        assert is_refused(await continue_(identity, {"refresh_token": junk})), junk
    assert (await continue_(identity, tokens)).status_code == 200


SECOND = str(1 / 86400)


async def test_an_idle_session_ends(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity", instance="idle", SESSION_IDLE_DAYS=SECOND)
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)

    async def is_over() -> bool:
        return not (await identity.http.get("/sessions", headers=bearer(tokens))).json()["items"]

    await eventually(is_over)
    assert is_refused(await continue_(identity, tokens))


async def test_a_session_ends_after_its_whole_life_though_it_is_used_all_the_time(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity", instance="whole", SESSION_DAYS=SECOND)
    _, email = await new_partner(identity)
    answers = [httpx.Response(200, json=await begin(identity, email))]

    async def is_over() -> bool:
        answers.append(await continue_(identity, answers[-1].json()))
        return is_refused(answers[-1])

    await eventually(is_over)
    assert len(answers) > 2


async def test_the_list_says_where_one_is_signed_in(platform: Platform) -> None:
    """E6: the own sessions only, which is the present one, and no proof of any."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    _, stranger = await new_partner(identity)
    await begin(identity, stranger)
    phone, laptop = await begin(identity, email, "Phone"), await begin(identity, email, "Laptop\x7f")
    answer = await identity.http.get("/sessions", headers=bearer(phone))
    listed = {one["client"]: one for one in answer.json()["items"]}
    assert {client: one["current"] for client, one in listed.items()} == {"Phone": True, "Laptop": False}
    assert listed["Laptop"]["since"] == listed["Laptop"]["last_used"]
    await continue_(identity, laptop)
    answer = await identity.http.get("/sessions", params={"limit": 1}, headers=bearer(phone))
    following = await identity.http.get(
        "/sessions", params={"limit": 1, "cursor": answer.json()["next"]}, headers=bearer(phone)
    )
    [used] = [one for page in (answer, following) for one in page.json()["items"] if one["client"] == "Laptop"]
    assert used["since"] < used["last_used"] < used["ends_at"]
    assert laptop["refresh_token"].split(".")[2] not in answer.text + following.text


async def test_one_client_is_signed_out_and_the_others_stay(platform: Platform) -> None:
    """E6: nobody ends another's."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    _, other = await new_partner(identity)
    phone, laptop, stranger = await begin(identity, email), await begin(identity, email), await begin(identity, other)
    url = f"/sessions/{laptop['refresh_token'].split('.')[0]}"
    assert (await identity.http.delete(url, headers=bearer(stranger))).status_code == 404
    assert (await identity.http.delete(url, headers=bearer(phone))).status_code == 204
    assert (await identity.http.delete(url, headers=bearer(phone))).status_code == 404
    assert is_refused(await continue_(identity, laptop))
    assert (await continue_(identity, phone)).status_code == 200


async def test_the_token_endpoint_says_what_is_wrong_in_oauths_words(platform: Platform) -> None:
    """E6: problem documents that an OAuth client understands."""
    identity = await platform.service("identity")
    for form, error in (
        ({"grant_type": "password", "username": "x", "password": "y"}, "unsupported_grant_type"),
        ({}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
    ):
        answer = await identity.http.post("/token", data=form)
        body = answer.json()
        assert (answer.status_code, body["error"], body["error_description"]) == (400, error, body["detail"])
        assert answer.headers["content-type"] == "application/problem+json"


async def test_no_refresh_token_is_stored_or_logged(platform: Platform) -> None:
    """E6: nor can one be made of what is stored."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    session, _, proof = tokens["refresh_token"].split(".")
    document = await identity.database["sessions"].find_one({"_id": session})
    assert document is not None
    assert proof not in str(document)
    assert document["sealed"].startswith("k1.")
    await continue_(identity, tokens)
    assert proof not in identity.log_text()
