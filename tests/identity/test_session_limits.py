"""How many sessions somebody has, and what it takes to end another than one's own (E6)."""

import time
from typing import Any

from tests.identity.test_audit import is_action, until
from tests.identity.test_revocation import until_refused
from tests.identity.test_sessions import bearer, begin, continue_, is_refused
from tests.identity.test_sign_in import new_partner
from tests.support.eventually import eventually
from tests.support.platform import Platform

Json = dict[str, Any]


def id_of(tokens: Json) -> str:
    return tokens["refresh_token"].split(".")[0]


async def test_with_one_session_too_many_the_one_that_began_first_ends(platform: Platform) -> None:
    """E6: however lately it was used; the audit log says why, and other people's are not counted."""
    identity = await platform.service("identity", instance="few-sessions", SESSIONS_PER_USER="2")
    _, email = await new_partner(identity)
    _, other = await new_partner(identity)
    stranger = await begin(identity, other)
    oldest, newer = await begin(identity, email), await begin(identity, email)
    oldest = (await continue_(identity, oldest)).json()
    newest = await begin(identity, email)
    assert is_refused(await continue_(identity, oldest))
    await until_refused([identity], oldest)
    for tokens in (newer, newest, stranger):
        assert (await continue_(identity, tokens)).status_code == 200
    [ended] = await until(identity, bearer(newest), is_action("session ended"))
    assert (ended["session_id"], ended["details"]) == (id_of(oldest), {"because": ["too many sessions"]})


async def test_other_sessions_are_ended_by_whoever_signed_in_just_now(platform: Platform) -> None:
    """E6: a token that was taken from somebody does not shut him out; the own client is signed out at any time."""
    identity = await platform.service("identity", instance="stale", FRESH_SIGN_IN_MINUTES=str(3 / 60))
    _, email = await new_partner(identity)
    phone, laptop = await begin(identity, email), await begin(identity, email)
    end = time.monotonic() + 3.1
    await eventually(lambda: time.monotonic() > end)
    phone = (await continue_(identity, phone)).json()
    for url in (f"/sessions/{id_of(laptop)}", "/sessions"):
        answer = await identity.http.delete(url, headers=bearer(phone))
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (401, "sign-in-too-old")
        assert 'error="insufficient_user_authentication", max_age="3"' in answer.headers["www-authenticate"]
    assert (await continue_(identity, laptop)).status_code == 200
    fresh = await begin(identity, email)
    assert (await identity.http.delete(f"/sessions/{id_of(laptop)}", headers=bearer(fresh))).status_code == 204
    assert is_refused(await continue_(identity, laptop))
    assert (await identity.http.delete(f"/sessions/{id_of(phone)}", headers=bearer(phone))).status_code == 204
    assert is_refused(await continue_(identity, phone))
