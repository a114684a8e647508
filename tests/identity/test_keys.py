"""The keys that tokens are signed with, and where others learn of them (F6)."""

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import httpx
import jwt
from jwt import PyJWK

from common.events import SigningKeyChanged
from identity.keys import storage
from identity.keys.domain import SigningKey, signing_key_at
from identity.keys.storage import KeyStore
from tests.identity.test_revocation import ROUTES
from tests.identity.test_sessions import bearer, begin, continue_
from tests.identity.test_sign_in import new_partner, sign_in
from tests.support.databases import database
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service
from tests.support.tokens import AUDIENCE


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


def test_a_key_that_nobody_can_know_yet_does_not_sign() -> None:
    """F6: while the broker is away, the one before goes on until nobody trusts it any more; then there is no other."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    first = SigningKey("first", "", "", now - 3 * hour, now - hour, now + hour, is_announced=True)
    successor = SigningKey("successor", "", "", now - hour, now + 3 * hour, now + 4 * hour)
    assert signing_key_at([first, successor], now) is first
    known = replace(successor, is_announced=True)
    assert signing_key_at([first, known], now) is known
    assert signing_key_at([first, successor], now + 2 * hour) is successor


async def test_a_key_counts_as_announced_once_the_relay_has_published_it(platform: Platform) -> None:
    """F6: one that retires early was announced before, though that is not said yet."""
    now = datetime.now(UTC)
    async with database(platform, storage.INDEXES) as mongo:
        store = KeyStore(mongo)
        for kid in ("first", "second"):
            await store.add(SigningKey(kid, "", "", now, now + timedelta(days=1), now + timedelta(days=2)))
        assert [key.is_announced for key in await store.all()] == [False, False]
        await store.collection.update_one({"_id": "second"}, {"$unset": {"announce": ""}})
        await store.retire_others("second", now, now)
        assert {key.kid: (key.is_announced, key.version) for key in await store.all()} == {
            "first": (True, 2), "second": (True, 1)
        }  # fmt: skip


class Outsider:
    """Somebody who checks tokens by the published keys, and keeps these for as long as he may."""

    def __init__(self) -> None:
        self._keys: dict[str, PyJWK] = {}
        self._until = 0.0

    async def check(self, identity: Service, token: str) -> None:
        if time.monotonic() >= self._until:
            answer = await identity.http.get("/.well-known/jwks.json")
            self._until = time.monotonic() + int(answer.headers["cache-control"].rpartition("=")[2])
            self._keys = {key["kid"]: PyJWK(key) for key in answer.json()["keys"]}
        jwt.decode(token, self._keys[kid_of(token)], audience=AUDIENCE)


def kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


async def rotate(identity: Service) -> None:
    call = [sys.executable, "-m", "identity", "rotate-keys"]
    await asyncio.to_thread(subprocess.run, call, env=identity.environment, check=True, timeout=60)


async def test_keys_are_replaced_again_and_again_under_load_without_a_failed_request(platform: Platform) -> None:
    """F6: every token that was given is good at once and goes on to be, in every service and for whoever checks it by
    the published keys, whichever process gave it and whichever key signed it."""
    apart = await platform.apart("load")
    identity = await apart.service("identity", KEY_OVERLAP_SECONDS="3")
    services = [identity, *[await apart.service(name) for name in ROUTES if name != "identity"]]
    giving = [identity, await apart.replica(identity)]
    _, email = await new_partner(identity)
    kids, wrong, done = set[str](), list[httpx.Response](), asyncio.Event()

    async def client(number: int) -> None:
        """Asks with its first token and with ever new ones, each process and each service in turn."""
        outsider, first = Outsider(), await begin(identity, email)
        tokens = first
        for turn in count(number):
            answer = await continue_(giving[turn % len(giving)], tokens)
            tokens = answer.json()
            service = services[turn % len(services)]
            asked = [await service.http.get(ROUTES[service.name], headers=bearer(one)) for one in (first, tokens)]
            wrong.extend(one for one in (answer, *asked) if one.status_code != 200)
            await outsider.check(giving[turn // 2 % len(giving)], tokens["access_token"])
            kids.add(kid_of(tokens["access_token"]))
            if done.is_set() or wrong:
                return

    async def replace() -> None:
        await eventually(lambda: wrong or kids)
        for times in (1, 2, 1):  # twice in a row, too: before the next one signs
            known = len(kids)
            for _ in range(times):
                await rotate(identity)
            await eventually(lambda known=known: wrong or len(kids) > known, timeout=30)
        done.set()

    async with asyncio.timeout(120):
        await asyncio.gather(replace(), *(client(number) for number in range(6)))
    assert not wrong
    assert len(kids) >= 4


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
