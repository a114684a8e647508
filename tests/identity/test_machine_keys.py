"""Machines that sign in with keys of their own, and every way to forge what they sign (B7, B8)."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from tests.identity.signing import MAKING, Key, make_with, replace, show
from tests.identity.test_audit import is_action, until
from tests.identity.test_machines import make, owner_of_new_partner, token
from tests.identity.test_permissions import add_user
from tests.identity.test_revocation import until_refused
from tests.identity.test_sessions import bearer
from tests.identity.test_sign_in import sign_in
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service
from tests.support.routes import said
from tests.support.tokens import ISSUER

Json = dict[str, Any]
OUTSIDE = "https://evil.example"
REFUSED = (401, "invalid-client")


@pytest.fixture
async def identity(platform: Platform) -> Service:
    """One that lets an address be wrong as often as all these tests are."""
    return await platform.service(
        "identity", instance="forgeries", SIGN_IN_TRIES="1000", SIGN_IN_TRIES_PER_ADDRESS="1000"
    )


@pytest.fixture
async def owner(identity: Service) -> dict[str, str]:
    return await owner_of_new_partner(identity)


@pytest.mark.parametrize("algorithm", MAKING)
async def test_a_machine_signs_in_with_a_key_of_its_own(platform: Platform, algorithm: str) -> None:
    """B8: the secret half never leaves it, and nothing is kept that could be stolen."""
    identity, outbox = await platform.service("identity"), await platform.service("outbox")
    key = Key(algorithm)
    machine = await make_with(identity, await owner_of_new_partner(identity), key)
    assert machine["client_secret"] is None
    answer = await show(identity, key.signs(machine), scope="outbox:read", client_id=machine["client_id"])
    assert (answer.status_code, answer.json()["scope"]) == (200, "outbox:read"), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert (await outbox.http.get("/messages", headers=bearer(answer.json()))).status_code == 200


async def test_what_is_said_of_assertions_is_true(identity: Service, owner: dict[str, str]) -> None:
    """B8: any OAuth client finds out by itself (RFC 8414)."""
    found = (await identity.http.get("/.well-known/oauth-authorization-server")).json()
    assert "private_key_jwt" in found["token_endpoint_auth_methods_supported"]
    assert set(found["token_endpoint_auth_signing_alg_values_supported"]) == set(MAKING)
    key = Key()
    machine = await make_with(identity, owner, key)
    for audience in (found["issuer"], found["token_endpoint"], [found["token_endpoint"]]):
        assert (await show(identity, key.signs(machine, aud=audience))).status_code == 200, audience


class Two(NamedTuple):
    """Two machines of a company, each with a key."""

    key: Key
    machine: Json
    other_key: Key
    other: Json


async def two(identity: Service, owner: dict[str, str]) -> Two:
    key, other = Key(), Key()
    return Two(key, await make_with(identity, owner, key), other, await make_with(identity, owner, other))


def signed(it: Two, secret: Any, algorithm: str) -> str:
    """With whatever it is, under the name of the right key."""
    said = jwt.decode(it.key.signs(it.machine), options={"verify_signature": False})
    return jwt.encode(said, secret, algorithm, headers={"kid": it.key.kid})


def public_bytes(key: Key) -> bytes:
    return key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


FORGERIES: dict[str, Callable[[Two], str]] = {
    "signed with another key": lambda it: signed(it, Key().private, "EdDSA"),
    "signed with the key of another machine": lambda it: it.other_key.signs(it.machine),
    "the same under the name of the right key": lambda it: signed(it, it.other_key.private, "EdDSA"),
    "under the name of a key of another": lambda it: it.key.signs(it.machine, header={"kid": it.other_key.kid}),
    "without the name of a key": lambda it: it.key.signs(it.machine, header={"kid": None}),
    "with a key that it brings along": lambda it: it.other_key.signs(
        it.machine, header={"kid": it.key.kid, "jwk": it.other_key.jwk}
    ),
    "not signed": lambda it: signed(it, None, "none"),
    "signed with the public key as a secret": lambda it: signed(it, public_bytes(it.key), "HS256"),
    "of another algorithm": lambda it: signed(it, Key("ES256").private, "ES256"),
    "with the signature cut off": lambda it: it.key.signs(it.machine).rpartition(".")[0] + ".",
    "for another": lambda it: it.key.signs(it.machine, aud=OUTSIDE),
    "for another as well": lambda it: it.key.signs(it.machine, aud=[ISSUER, OUTSIDE]),
    "for nobody": lambda it: it.key.signs(it.machine, aud=[]),
    "without saying for whom": lambda it: it.key.signs(it.machine, aud=None),
    "expired": lambda it: it.key.signs(it.machine, exp=time.time() - 31),
    "good for too long": lambda it: it.key.signs(it.machine, exp=time.time() + 340),
    "good for ever": lambda it: it.key.signs(it.machine, exp=None),
    "good until a time that is none": lambda it: it.key.signs(it.machine, exp=float("inf")),
    "not good yet": lambda it: it.key.signs(it.machine, nbf=time.time() + 40),
    "made in the future": lambda it: it.key.signs(it.machine, iat=time.time() + 40),
    "without an id": lambda it: it.key.signs(it.machine, jti=None),
    "by another": lambda it: it.key.signs(it.machine, iss=it.other["client_id"]),
    "about another": lambda it: it.key.signs(it.machine, sub=it.other["client_id"]),
    "of a machine that is not there": lambda it: it.key.signs({"client_id": "mch_unknown"}),
    "junk": lambda _: "a.b.c",
    "deep junk": lambda _: f"{base64url_encode(b'[' * 4000).decode()}.e30.e30",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_assertion_is_answered_like_a_wrong_secret(
    identity: Service, owner: dict[str, str], forgery: str
) -> None:
    """B8: in the same words, whatever is wrong with it."""
    it = await two(identity, owner)
    forged = await show(identity, FORGERIES[forgery](it))
    wrong = await token(identity, {"client_id": it.machine["client_id"], "client_secret": "wrong"})
    assert (forged.status_code, forged.json()) == (wrong.status_code, wrong.json())
    assert (wrong.json()["error"], forged.headers["www-authenticate"]) == ("invalid_client", 'Basic realm="machines"')
    assert (await show(identity, it.key.signs(it.machine))).status_code == 200


async def test_an_assertion_is_good_once(identity: Service, owner: dict[str, str]) -> None:
    """B8: of many at once, too; and one machine does not use up what another calls the same."""
    it = await two(identity, owner)
    assertion = it.key.signs(it.machine, jti="1")
    answers = await asyncio.gather(*(show(identity, assertion) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9
    assert said(await show(identity, it.key.signs(it.machine, jti="1"))) == REFUSED
    assert (await show(identity, it.other_key.signs(it.other, jti="1"))).status_code == 200


async def test_a_forged_assertion_uses_nothing_up(identity: Service, owner: dict[str, str]) -> None:
    """B8: whoever guesses what a machine will say next does not keep it out."""
    key = Key()
    machine = await make_with(identity, owner, key)
    forged = Key().signs(machine, jti="2", header={"kid": key.kid})
    assert said(await show(identity, forged)) == REFUSED
    assert (await show(identity, key.signs(machine, jti="2"))).status_code == 200


async def test_used_assertions_are_forgotten_when_they_have_expired(platform: Platform) -> None:
    """B8: and not before; what machines say does not fill the database."""
    identity = await platform.service("identity", instance="assertions", TOKEN_LEEWAY_SECONDS="0")
    key, used = Key(), identity.database["used_assertions"]
    machine = await make_with(identity, await owner_of_new_partner(identity), key)
    until = time.time() + 2
    brief, long = key.signs(machine, exp=until), key.signs(machine)
    for assertion in (brief, long):
        assert (await show(identity, assertion)).status_code == 200
    await eventually(lambda: time.time() > until)
    identity.kill()
    await identity.start()

    async def one_is_left() -> bool:
        return await used.count_documents({}) == 1

    await eventually(one_is_left)
    assert said(await show(identity, long)) == REFUSED


async def test_keys_are_replaced_without_a_pause(identity: Service, owner: dict[str, str]) -> None:
    """B8: the old and the new ones are good together while the machine changes over; then the new ones alone."""
    old, new, next_one = Key(), Key("ES256"), Key()
    machine = await make_with(identity, owner, old)
    tokens = (await show(identity, old.signs(machine))).json()
    changed = await replace(identity, owner, machine, new.jwk, overlap=60)
    assert (changed.status_code, changed.json()["keys"]) == (200, [new.kid])
    for key in (old, new):
        assert (await show(identity, key.signs(machine))).status_code == 200
    assert (await replace(identity, owner, machine, new.jwk, next_one.jwk)).status_code == 200
    await until_refused([identity], tokens)
    statuses = [(await show(identity, key.signs(machine))).status_code for key in (old, new, next_one)]
    assert statuses == [401, 200, 200]
    [action] = await until(identity, owner, is_action("POST /machines"))
    assert action["details"] == {"permissions": ["outbox:read"], "keys": [old.kid]}
    replaced = await until(identity, owner, is_action("PUT /machines/{machine_id}/keys"), 2)
    assert {tuple(one["details"]["keys"]) for one in replaced} == {(new.kid,), (new.kid, next_one.kid)}


async def test_a_machine_has_a_secret_or_keys_and_never_both(identity: Service, owner: dict[str, str]) -> None:
    """B8: the weaker way is not open beside the stronger one."""
    key, secret = Key(), await make(identity, owner)
    signing = await make_with(identity, owner, key)
    assert said(await replace(identity, owner, secret, key.jwk)) == (409, "other-proof")
    url = f"/machines/{signing['client_id']}/secret"
    assert said(await identity.http.post(url, json={}, headers=owner)) == (409, "other-proof")
    assert said(await show(identity, key.signs(secret))) == REFUSED
    assert said(await token(identity, signing | {"client_secret": ""})) == REFUSED
    both = await show(identity, key.signs(signing), **secret)
    assert said(both) == (400, "invalid-request")
    others = await show(identity, key.signs(signing), client_id=secret["client_id"])
    assert said(others) == REFUSED


REFUSED_KEYS: dict[str, tuple[Callable[[], Json], str]] = {
    "a private key": (lambda: Key("ES256").private_jwk, "private-key-sent"),
    "a secret": (lambda: {"kty": "oct", "kid": "1", "k": "c2VjcmV0"}, "private-key-sent"),
    "a secret that is left out": (lambda: {"kty": "oct", "kid": "1"}, "key-refused"),
    "a short RSA key": (lambda: Key("RS256", generate_private_key(65537, 1024)).jwk, "key-refused"),
    "a small exponent": (lambda: Key("RS256", generate_private_key(3, 2048)).jwk, "key-refused"),
    "a key for encryption": (lambda: Key().jwk | {"use": "enc"}, "key-refused"),
    "another algorithm than its own": (lambda: Key("RS256").jwk | {"alg": "HS256"}, "key-refused"),
    "another curve": (lambda: Key().jwk | {"crv": "Ed448"}, "key-refused"),
    "no key": (lambda: Key().jwk | {"x": "AAAA"}, "key-refused"),
    "a name that is too long": (lambda: Key().jwk | {"kid": "k" * 101}, "invalid"),
}


@pytest.mark.parametrize("what", REFUSED_KEYS)
async def test_a_key_that_will_not_do_is_refused_and_not_repeated(
    identity: Service, owner: dict[str, str], what: str
) -> None:
    """B8: a private one above all."""
    making, code = REFUSED_KEYS[what]
    jwk = making()
    body = {"name": "X", "permissions": ["outbox:read"], "jwks": {"keys": [jwk]}}
    answer = await identity.http.post("/machines", json=body, headers=owner)
    assert said(answer) == (422, code), answer.text
    assert not any(jwk[name] in answer.text for name in ("d", "x", "n") if name in jwk)


async def test_keys_have_names_of_their_own_and_are_few(identity: Service, owner: dict[str, str]) -> None:
    """B8: and a new key does not take the name of one that is still good."""
    key, other = Key(), Key()
    machine = await make_with(identity, owner, key)
    taken = other.jwk | {"kid": key.kid}
    for keys in ([key.jwk, taken], [taken], [Key().jwk for _ in range(6)]):
        assert said(await replace(identity, owner, machine, *keys)) == (422, "key-refused")
    assert said(await replace(identity, owner, machine)) == (422, "invalid")
    assert (await show(identity, key.signs(machine))).status_code == 200


async def test_nobody_gives_a_key_to_a_machine_that_may_more_than_he(identity: Service, owner: dict[str, str]) -> None:
    """B7, F1: nor to one of another partner."""
    key = Key()
    machine = await make_with(identity, owner, key)
    _, email = await add_user(identity, owner, permissions=["machines:write"])
    stranger = await owner_of_new_partner(identity)
    for by, answer in ((await sign_in(identity, email), (403, "cannot-grant")), (stranger, (404, "not-found"))):
        assert said(await replace(identity, by, machine, Key().jwk)) == answer
    listed = (await identity.http.get("/machines", headers=owner)).json()["items"]
    assert [one["keys"] for one in listed] == [[key.kid]]
