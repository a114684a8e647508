"""Second factors: codes of an app, recovery codes, and the second step of signing in."""

import asyncio
import time
from base64 import urlsafe_b64decode
from typing import Any

import httpx
from pyotp.totp import TOTP

from tests.identity.letters import letters_to, link_to
from tests.identity.test_permissions import add_user
from tests.identity.test_recovery import NEW, follow, forget
from tests.identity.test_revocation import until_refused
from tests.identity.test_sessions import bearer, begin, continue_, is_refused
from tests.identity.test_sign_in import PASSWORD, new_partner
from tests.support.platform import Platform, Service

Json = dict[str, Any]
PROOF = {"password": PASSWORD}
STEP = 30


class App:
    """An app that makes codes. Each is good once, so `code` is of this step first, and then of the next one."""

    def __init__(self, secret: str) -> None:
        self.totp = TOTP(secret)
        self._step = int(time.time()) // STEP - 1

    def code(self) -> str:
        self._step += 1
        return self.totp.generate_otp(self._step)

    def of(self, steps: int) -> str:
        """A code so many steps from now."""
        return self.totp.generate_otp(int(time.time()) // STEP + steps)


async def turn_on(identity: Service, tokens: Json, proof: Json = PROOF) -> tuple[App, list[str]]:
    """(the app, the recovery codes)."""
    answer = await identity.http.post("/me/second-factor", json={"proof": proof}, headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    app = App(answer.json()["secret"])
    url = "/me/second-factor/confirmation"
    confirmed = await identity.http.post(url, json={"code": app.code()}, headers=bearer(tokens))
    assert confirmed.status_code == 200, confirmed.text
    return app, confirmed.json()["codes"]


async def challenge(identity: Service, email: str) -> str:
    answer = await identity.http.post("/sign-in", json={"email": email, "password": PASSWORD})
    assert (answer.status_code, kind(answer)) == (401, "second-step-needed"), answer.text
    assert answer.json()["expires_in"] == 300
    return answer.json()["challenge"]


async def second_step(identity: Service, challenge: str, code: str, address: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": address} if address else None
    body = {"challenge": challenge, "code": code}
    return await identity.http.post("/sign-in/second-step", json=body, headers=headers)


def kind(answer: httpx.Response) -> str:
    return answer.json()["type"].rpartition("/")[2]


async def with_second_factor(identity: Service) -> tuple[str, App, list[str]]:
    """(e-mail of an owner, his app, his recovery codes)."""
    _, email = await new_partner(identity)
    return email, *await turn_on(identity, await begin(identity, email))


async def test_signing_in_takes_a_second_step(platform: Platform) -> None:
    """E6: a password gives no token any more, but a challenge that is good for nothing else."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    app, _ = await turn_on(identity, tokens)
    asked = await challenge(identity, email)
    assert (await identity.http.get("/me", headers={"Authorization": f"Bearer {asked}"})).status_code == 401
    answer = await second_step(identity, asked, app.code())
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert (await identity.http.get("/users", headers=bearer(answer.json()))).status_code == 200
    seen = (await identity.http.get("/me/second-factor", headers=bearer(answer.json()))).json()
    assert seen == {"is_on": True, "recovery_codes_left": 10}


async def test_turning_it_on_ends_the_sessions_from_before_and_is_told(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    await turn_on(identity, tokens)
    assert is_refused(await continue_(identity, tokens))
    await until_refused([identity], tokens)
    await letters_to(identity, email, "second-factor-on")


async def test_a_code_is_good_once(platform: Platform) -> None:
    """E6: of many at once, one; an older one never after a newer one; that of the confirmation neither."""
    identity = await platform.service("identity")
    email, app, _ = await with_second_factor(identity)
    asked = [await challenge(identity, email) for _ in range(4)]
    code = app.code()
    answers = await asyncio.gather(*(second_step(identity, one, code) for one in asked))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    assert {kind(answer) for answer in answers if answer.status_code == 401} == {"wrong-code"}
    assert (await second_step(identity, asked[0], app.of(0))).status_code == 401


async def test_a_challenge_is_answered_once_and_a_wrong_code_does_not_use_it_up(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    email, app, recovery = await with_second_factor(identity)
    asked = await challenge(identity, email)
    assert kind(await second_step(identity, asked, "000000")) == "wrong-code"
    assert (await second_step(identity, asked, app.code())).status_code == 200
    again = await second_step(identity, asked, recovery[0])
    assert (again.status_code, kind(again)) == (401, "challenge-gone")


async def test_a_challenge_of_nobody_is_refused(platform: Platform) -> None:
    """E6: also one of ours that was changed, or that is for something else."""
    identity = await platform.service("identity")
    email, app, _ = await with_second_factor(identity)
    ours = await challenge(identity, email)
    options = (await identity.http.post("/sign-in/passkey/challenge")).json()["publicKey"]
    other = urlsafe_b64decode(options["challenge"] + "==").decode()
    for wrong in ("x", "k1.AAAA", f"{ours[:-8]}AAAAAAAA", other):
        answer = await second_step(identity, wrong, app.code())
        assert (answer.status_code, kind(answer)) == (401, "challenge-gone")


async def test_a_challenge_expires(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity", instance="impatient", CHALLENGE_SECONDS="2")
    _, email = await new_partner(identity)
    app, _ = await turn_on(identity, await begin(identity, email))
    answer = await identity.http.post("/sign-in", json={"email": email, "password": PASSWORD})
    asked, code = answer.json()["challenge"], "000000"
    async with asyncio.timeout(10):
        while kind(answer) != "challenge-gone":
            answer = await second_step(identity, asked, code)
    assert kind(await second_step(identity, asked, app.code())) == "challenge-gone"


async def test_a_recovery_code_signs_in_once_however_it_is_typed(platform: Platform) -> None:
    """E6: kept as hashes; new ones take the place of the old."""
    identity = await platform.service("identity")
    email, _, codes = await with_second_factor(identity)
    assert len(set(codes)) == 10
    typed = codes[0].lower().replace("-", " ")
    asked = [await challenge(identity, email) for _ in range(3)]
    answers = await asyncio.gather(*(second_step(identity, one, typed) for one in asked))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    [tokens] = [answer.json() for answer in answers if answer.status_code == 200]
    document = str(await identity.database["users"].find_one({"email": email}))
    assert codes[1] not in document
    assert codes[1].replace("-", "") not in document
    url, proof = "/me/second-factor/recovery-codes", PROOF | {"code": codes[1]}
    renewed = await identity.http.post(url, json={"proof": proof}, headers=bearer(tokens))
    assert renewed.status_code == 200, renewed.text
    assert (await second_step(identity, await challenge(identity, email), codes[2])).status_code == 401
    assert (
        await second_step(identity, await challenge(identity, email), renewed.json()["codes"][2])
    ).status_code == 200


async def test_the_secret_is_sealed_and_in_no_log(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    email, app, codes = await with_second_factor(identity)
    document = str(await identity.database["users"].find_one({"email": email}))
    for text in (document, identity.log_text()):
        assert app.totp.secret not in text
        assert codes[0] not in text


async def test_guessing_codes_is_slow_and_keeps_the_person_out_nowhere_that_he_was(platform: Platform) -> None:
    """E6: with tries of their own, by address, as for passwords."""
    settings = {"SIGN_IN_TRIES": "3", "SIGN_IN_TRY_SECONDS": "3600"}
    identity = await platform.service("identity", instance="guessed-codes", **settings)
    _, email = await new_partner(identity)
    app, codes = await turn_on(identity, await begin(identity, email))
    home = {"X-Forwarded-For": "192.0.2.9"}
    asked = await challenge(identity, email)
    assert (await second_step(identity, asked, app.code(), home["X-Forwarded-For"])).status_code == 200
    asked = await challenge(identity, email)
    statuses = [(await second_step(identity, asked, "000000", f"203.0.113.{i}")).status_code for i in range(4)]
    assert statuses == [401, 401, 401, 429]
    assert (await second_step(identity, asked, codes[0], "198.51.100.1")).status_code == 429
    assert (await second_step(identity, asked, codes[0], home["X-Forwarded-For"])).status_code == 200


async def test_turning_it_off_takes_a_whole_proof(platform: Platform) -> None:
    """E6: the password alone is not enough once it is on; then the password is enough to sign in again."""
    identity = await platform.service("identity")
    email, app, codes = await with_second_factor(identity)
    tokens = (await second_step(identity, await challenge(identity, email), app.code())).json()
    url = "/me/second-factor/removal"
    for proof in (PROOF, PROOF | {"code": "000000"}, {"password": "wrong password", "code": codes[0]}):
        answer = await identity.http.post(url, json={"proof": proof}, headers=bearer(tokens))
        assert answer.status_code == 401, proof
    again = await identity.http.post(
        "/me/second-factor", json={"proof": PROOF | {"code": codes[0]}}, headers=bearer(tokens)
    )
    assert (again.status_code, kind(again)) == (409, "second-factor-on")
    answer = await identity.http.post(url, json={"proof": PROOF | {"code": codes[1]}}, headers=bearer(tokens))
    assert answer.status_code == 204, answer.text
    assert is_refused(await continue_(identity, tokens))
    await letters_to(identity, email, "second-factor-off")
    await begin(identity, email)


async def test_it_is_on_only_once_a_code_was_shown(platform: Platform) -> None:
    """E6: nobody locks himself out with an app that does not work."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    url = "/me/second-factor/confirmation"
    early = await identity.http.post(url, json={"code": "000000"}, headers=bearer(tokens))
    assert (early.status_code, kind(early)) == (409, "second-factor-off")
    await identity.http.post("/me/second-factor", json={"proof": PROOF}, headers=bearer(tokens))
    wrong = await identity.http.post(url, json={"code": "000000"}, headers=bearer(tokens))
    assert (wrong.status_code, kind(wrong)) == (401, "wrong-code")
    await begin(identity, email)


async def test_a_password_reset_leaves_it_on(platform: Platform) -> None:
    """E6: whoever reads the mails alone does not get in."""
    identity = await platform.service("identity")
    email, app, _ = await with_second_factor(identity)
    asked = await challenge(identity, email)
    await forget(identity, email)
    token = await link_to(identity, email, "password-reset")
    assert (await follow(identity, "/password/reset", token)).status_code == 204
    assert kind(await second_step(identity, asked, app.code())) == "challenge-gone"
    answer = await identity.http.post("/sign-in", json={"email": email, "password": NEW})
    assert kind(answer) == "second-step-needed"


async def test_a_company_may_require_it(platform: Platform) -> None:
    """E6: until then its users may do nothing but turn it on; and nothing by sessions from before."""
    identity = await platform.service("identity")
    _, owner_email = await new_partner(identity)
    owner = await begin(identity, owner_email)
    _, email = await add_user(identity, bearer(owner), permissions=["users:read"])
    before = await begin(identity, email)
    change = {"second_factor_required": True}
    changed = await identity.http.patch("/partner", json=change, headers=bearer(owner))
    assert changed.json()["second_factor_required"] is True
    for tokens in (await begin(identity, email), (await continue_(identity, before)).json()):
        assert tokens["second_factor_missing"] is True
        assert (await identity.http.get("/users", headers=bearer(tokens))).status_code == 403
    app, _ = await turn_on(identity, tokens)
    tokens = (await second_step(identity, await challenge(identity, email), app.code())).json()
    assert tokens["second_factor_missing"] is False
    assert (await identity.http.get("/users", headers=bearer(tokens))).status_code == 200
    following = (await continue_(identity, tokens)).json()
    assert (await identity.http.get("/users", headers=bearer(following))).status_code == 200


async def test_whoever_has_a_token_alone_does_not_guess_the_code_that_turns_it_on(platform: Platform) -> None:
    """E6: it would give him the recovery codes."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    begun = await identity.http.post("/me/second-factor", json={"proof": PROOF}, headers=bearer(tokens))
    app, url = App(begun.json()["secret"]), "/me/second-factor/confirmation"
    wrong = [app.of(steps) for steps in range(100, 111)]
    guessed = [await identity.http.post(url, json={"code": code}, headers=bearer(tokens)) for code in wrong]
    assert [answer.status_code for answer in guessed] == [401] * 10 + [429]
    right = await identity.http.post(url, json={"code": app.code()}, headers=bearer(tokens))
    assert (right.status_code, kind(right)) == (429, "too-many-attempts")
