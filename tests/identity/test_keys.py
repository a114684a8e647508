"""The keys that tokens are signed with, and where others learn of them (F6)."""

import asyncio
import subprocess
import sys

import httpx
import jwt
from jwt import PyJWK

from common.events import SigningKeyChanged
from tests.identity.test_sessions import bearer, begin, continue_
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service


async def test_old_tokens_stay_good_while_a_new_key_takes_over(platform: Platform) -> None:
    """F6."""
    identity = await platform.service("identity", instance="rotation", KEY_DAYS="1", KEY_OVERLAP_SECONDS="86400")
    keys = identity.io.follow(SigningKeyChanged)
    _, email = await new_partner(identity)
    before = await sign_in(identity, email)
    # With an overlap as long as its life the first key needs a successor at once: the next look makes it.
    identity.kill()
    await identity.start()
    await keys.wait_for(lambda event: event.data.kid not in ("first", identity.tokens.kid))
    assert (await identity.http.get("/partner", headers=before)).status_code == 200
    assert (await identity.http.get("/partner", headers=await sign_in(identity, email))).status_code == 200


async def test_keys_are_replaced_under_load_without_a_failed_request(platform: Platform) -> None:
    """F6: every token that was given is good at once, in another service, whichever key signed it."""
    identity = await platform.service("identity", instance="load", KEY_OVERLAP_SECONDS="3")
    contacts = await platform.service("contacts", instance="load")
    _, email = await new_partner(identity)
    kids, refused = set[str](), list[httpx.Response]()

    async def client() -> None:
        tokens = await begin(identity, email)
        while len(kids) < 2:
            answer = await continue_(identity, tokens)
            tokens = answer.json()
            asked = await contacts.http.get("/roles", headers=bearer(tokens))
            refused.extend(one for one in (answer, asked) if one.status_code != 200)
            kids.add(jwt.get_unverified_header(tokens["access_token"])["kid"])

    async def replace() -> None:
        call = [sys.executable, "-m", "identity", "rotate-keys"]
        await asyncio.to_thread(subprocess.run, call, env=identity.environment, check=True, timeout=60)

    async with asyncio.timeout(60):
        await asyncio.gather(replace(), *(client() for _ in range(5)))
    assert not refused
    assert len(kids) == 2


async def metadata(identity: Service) -> httpx.Response:
    return await identity.http.get("/.well-known/oauth-authorization-server")


async def test_an_outside_system_finds_all_it_needs_from_the_issuer_alone(platform: Platform) -> None:
    """B8: RFC 8414; and what is said there works."""
    identity = await platform.service("identity")
    found = (await metadata(identity)).json()
    paths = {name: found[name].removeprefix(found["issuer"]) for name in ("token_endpoint", "jwks_uri")}
    _, email = await new_partner(identity)
    tokens = await begin(identity, email)
    form = {"grant_type": found["grant_types_supported"][0], "refresh_token": tokens["refresh_token"]}
    given = (await identity.http.post(paths["token_endpoint"], data=form)).json()["access_token"]
    keys = (await identity.http.get(paths["jwks_uri"])).json()["keys"]
    [key] = [PyJWK(key) for key in keys if key["kid"] == jwt.get_unverified_header(given)["kid"]]
    claims = jwt.decode(given, key, algorithms=["EdDSA"], audience="switchboard", issuer=found["issuer"])
    assert {"jti", "client_id", "sub", "iat", "exp"} <= claims.keys()


async def test_what_others_keep_of_the_keys_is_renewed_before_a_new_key_signs(platform: Platform) -> None:
    """F6: half the overlap, or a verifier that keeps the answer would refuse good tokens."""
    identity = await platform.service("identity")
    assert (await metadata(identity)).headers["cache-control"] == "public, max-age=300"
    answer = await identity.http.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=30"


async def test_a_successor_is_listed_before_it_signs(platform: Platform) -> None:
    """F6."""
    identity = await platform.service("identity", instance="listed", KEY_DAYS="1", KEY_OVERLAP_SECONDS="86400")
    identity.kill()
    await identity.start()

    async def both() -> bool:
        return len((await identity.http.get("/.well-known/jwks.json")).json()["keys"]) == 2

    await eventually(both)
