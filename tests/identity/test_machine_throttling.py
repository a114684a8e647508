"""Wrong secrets and assertions of machines: how often, and whom they do not keep out (B7, E6)."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.identity.signing import JWT_BEARER, Key, make_with
from tests.identity.test_machines import make, owner_of_new_partner
from tests.identity.test_throttling import ELSEWHERE, HOME, TRIES
from tests.identity.test_throttling import identity as identity
from tests.support.platform import Service

Json = dict[str, Any]
WRONG = {"client_secret": "wrong"}


async def ask(identity: Service, address: str, **form: str) -> httpx.Response:
    """For a token, from `address`, as a proxy on this machine says it."""
    data = {"grant_type": "client_credentials", **form}
    return await identity.http.post("/token", data=data, headers={"X-Forwarded-For": address})


async def sign(identity: Service, address: str, key: Key, machine: Json) -> httpx.Response:
    """The same with what is signed with this key."""
    return await ask(identity, address, client_assertion_type=JWT_BEARER, client_assertion=key.signs(machine))


async def test_after_a_few_wrong_secrets_an_address_has_to_wait(identity: Service) -> None:
    """B7, E6: also many at once, and with the right one; from elsewhere the machine is let in, known there or not."""
    machine = await make(identity, await owner_of_new_partner(identity))
    answers = await asyncio.gather(*(ask(identity, HOME, **machine | WRONG) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [401] * TRIES + [429] * (10 - TRIES)
    right = await ask(identity, HOME, **machine)
    assert (right.status_code, right.json()["type"].rpartition("/")[2]) == (429, "too-many-attempts")
    assert 0 < int(right.headers["retry-after"]) <= 3600
    for i in range(2 * TRIES):
        assert (await ask(identity, f"203.0.113.{i}", **machine | WRONG)).status_code == 401
    assert (await ask(identity, ELSEWHERE, **machine)).status_code == 200


async def test_wrong_assertions_are_counted_like_wrong_secrets(identity: Service) -> None:
    """B7, E6: signed with a key of somebody else, or for a machine that is not there, or no assertion at all."""
    key, stranger = Key(), Key()
    machine = await make_with(identity, await owner_of_new_partner(identity), key)
    for address, name in (("192.0.2.11", machine["client_id"]), ("192.0.2.12", "mch_unknown")):
        answers = [await sign(identity, address, stranger, {"client_id": name}) for _ in range(TRIES + 1)]
        assert [answer.status_code for answer in answers] == [401] * TRIES + [429], name
    junk = {"client_assertion_type": JWT_BEARER, "client_assertion": "a.b.c"}
    answers = [await ask(identity, "192.0.2.13", **junk) for _ in range(TRIES + 1)]
    assert [answer.status_code for answer in answers] == [401] * TRIES + [429]
    assert (await sign(identity, ELSEWHERE, key, machine)).status_code == 200


async def test_an_address_tries_few_machines(identity: Service) -> None:
    """B7, E6: one that is used from there goes on, whatever its neighbours do wrong."""
    machine = await make(identity, await owner_of_new_partner(identity))
    network = "2001:db8:7:2"
    assert (await ask(identity, f"{network}::1", **machine)).status_code == 200
    statuses = [
        (await ask(identity, f"{network}::{i}", client_id=f"mch_{i}", **WRONG)).status_code for i in range(7)
    ]  # fmt: skip
    assert statuses == [401] * 6 + [429]
    assert (await ask(identity, f"{network}::9", **machine)).status_code == 200
    assert network not in str(await identity.database["machines"].find_one({"_id": machine["client_id"]}))


async def test_right_ones_cost_nothing_however_many_come_at_once(identity: Service) -> None:
    """B7, B8: a system that starts in many copies."""
    machine = await make(identity, await owner_of_new_partner(identity))
    for _ in range(2):
        answers = await asyncio.gather(*(ask(identity, HOME, **machine) for _ in range(5 * TRIES)))
        assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("form", [{}, {"client_id": "mch_1"}, {"client_id": "mch_1", "client_secret": ""}])
async def test_what_is_no_try_at_all_uses_none(identity: Service, form: dict[str, str]) -> None:
    """B7: a request in which something is missing."""
    answers = [await ask(identity, "192.0.2.14", **form) for _ in range(TRIES + 1)]
    assert {answer.status_code for answer in answers} == {400}
