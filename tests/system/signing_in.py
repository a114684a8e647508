"""The part of the run of everything in which people and machines sign in."""

from pydantic import SecretStr

from common.keyring import Keyring
from tests.identity.entering import VERIFIER, connected
from tests.identity.letters import LINK, letters_to, link_to
from tests.identity.signing import Key, make_with, show
from tests.identity.test_machines import make
from tests.identity.test_machines import token as machine_token
from tests.identity.test_passkeys import options_to_show, with_passkey
from tests.identity.test_passkeys import show as show_passkey
from tests.identity.test_recovery import follow, forget
from tests.identity.test_second_factors import challenge, second_step, turn_on
from tests.identity.test_sessions import bearer, begin, continue_
from tests.identity.test_sign_in import new_partner
from tests.support.authenticator import Authenticator
from tests.support.company import PASSWORD
from tests.support.platform import KEYRING
from tests.system.canaries import Run, word

RING = Keyring.parse(SecretStr(KEYRING))


async def signs_in(run: Run) -> None:
    """A session that goes on until its token is used twice; a forgotten password; a machine."""
    _, email = await new_partner(run.identity, name=word())
    tokens = await begin(run.identity, email)
    following = (await continue_(run.identity, tokens)).json()
    for one in (tokens, following):
        run.knows(f"session {one['refresh_token'][-5:]}", one["access_token"], one["refresh_token"])
    await _opens(run, "signing_keys", "signing key")
    await _opens(run, "sessions", "seed of a session")
    machine = await make(run.identity, bearer(following))
    run.knows("machine", machine["client_secret"])
    run.knows("token of a machine", (await machine_token(run.identity, machine)).json()["access_token"])
    assert (await machine_token(run.identity, machine | {"client_secret": run.nonsense})).status_code == 401
    key = Key()
    assertion = key.signs(await make_with(run.identity, bearer(following), key))
    run.knows("assertion of a machine", assertion)
    assert [(await show(run.identity, assertion)).status_code for _ in range(2)] == [200, 401]
    assert (await continue_(run.identity, tokens)).status_code == 400
    await forget(run.identity, email)
    run.links["to a new password"] = await link_to(run.identity, email, "password-reset")
    wrong = await run.identity.http.post("/sign-in", json={"email": email, "password": run.nonsense})
    assert wrong.status_code == 401
    assert (await follow(run.identity, "/password/reset", run.links["to a new password"])).status_code == 204
    await forget(run.identity, email)
    run.links["that nobody follows"] = await link_to(run.identity, email, "password-reset", 2)


async def _opens(run: Run, collection: str, what: str) -> None:
    """What is sealed in it, as nobody should see it."""
    found = await run.identity.database[collection].find().to_list()
    run.knows(what, *(RING.open(one["sealed"], one["_id"]) for one in found))


async def uses_second_factors(run: Run) -> None:
    """Codes of an app and for recovery; and two who want the same address."""
    people = [(await new_partner(run.identity))[1] for _ in range(2)]
    wanted = f"{word()}@shop.example.com"
    for email in people:
        tokens = await begin(run.identity, email)
        change = {"email": wanted, "proof": {"password": PASSWORD}}
        answer = await run.identity.http.post("/me/email", json=change, headers=bearer(tokens))
        assert answer.status_code == 202, answer.text
    links = [LINK.findall(one.content.text)[0][1] for one in await letters_to(run.identity, wanted, "email", 2)]
    run.links |= {f"to an address {count}": link for count, link in enumerate(links)}
    answers = [await run.identity.http.post("/email/confirm", json={"token": link}) for link in links]
    assert [answer.status_code for answer in answers] == [204, 409]
    app, recovery = await turn_on(run.identity, await begin(run.identity, people[1]))
    assert app.totp.secret
    run.knows("seed of codes", app.totp.secret)
    run.knows("recovery code", *recovery)
    for code, status in ((run.nonsense, 401), (app.code(), 200), (recovery[0], 200)):
        answer = await second_step(run.identity, await challenge(run.identity, people[1]), code)
        assert answer.status_code == status, answer.text


async def uses_passkeys(run: Run) -> None:
    """One is added, named, and shown; once more, which is once too often; and one that nobody added."""
    _, before, device = await with_passkey(run.identity)
    listed = (await run.identity.http.get("/me/passkeys", headers=bearer(before))).json()
    named = {"name": word()}
    url = f"/me/passkeys/{listed[0]['id']}"
    assert (await run.identity.http.patch(url, json=named, headers=bearer(before))).status_code == 204
    asked = await options_to_show(run.identity)
    shown = device.get(asked)
    answers = [await show_passkey(run.identity, shown) for _ in range(2)]
    answers.append(await show_passkey(run.identity, Authenticator().get(await options_to_show(run.identity))))
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    run.knows("proof by a passkey", asked["publicKey"]["challenge"], shown["response"]["signature"])
    after = answers[0].json()
    run.knows("session by a passkey", after["access_token"], after["refresh_token"])


async def enters(run: Run) -> None:
    """A client's account, by exchange and by a code, of which another is left; and leaves it."""
    master, client = await connected(run.identity)
    entry, code, left_over = await master.enters(client.id), *[await master.code(client.id) for _ in range(2)]
    used = (await master.use(code)).json()
    run.knows("token of an entry", entry["access_token"], used["access_token"], master.own["refresh_token"])
    run.knows("way into an entry", code, left_over, VERIFIER)
    left = await run.identity.http.post("/entry/leave", json={}, headers=bearer(entry))
    assert left.status_code == 200, left.text
