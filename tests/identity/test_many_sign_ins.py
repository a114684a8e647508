"""More want to sign in than passwords can be checked (E6)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.identity.test_throttling import ELSEWHERE, HOME, attempt
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

FULL = 4
"""One that is hashed, one that gets ready, two that wait."""


@pytest.fixture
async def identity(platform: Platform) -> Service:
    """One that checks few passwords, and has few places to wait."""
    hashes = {"HASHES_AT_ONCE": "1", "HASHES_WAITING": "2", "HASHES_WAIT_SECONDS": "60"}
    tries = {"SIGN_IN_TRIES": "3", "SIGN_IN_TRY_SECONDS": "3600"}
    return await platform.service("identity", instance="few-hashes", **hashes, **tries)


@asynccontextmanager
async def storm(identity: Service, email: str) -> AsyncGenerator[None]:
    """As many as have a place sign in from elsewhere, again and again."""

    async def again_and_again() -> None:
        while True:
            await attempt(identity, email, ELSEWHERE, PASSWORD)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(again_and_again()) for _ in range(FULL)]
        yield
        for task in tasks:
            task.cancel()


async def is_full(identity: Service, email: str) -> bool:
    return (await attempt(identity, email, ELSEWHERE, PASSWORD)).status_code == 503


async def test_a_storm_of_sign_ins_is_told_so_and_costs_nobody_a_try(identity: Service) -> None:
    """E6: few passwords are checked at once, few wait; the others are refused, and told when to come again. Nobody
    learns from it who has an account."""
    _, known = await new_partner(identity)
    tries = [attempt(identity, email, HOME, PASSWORD) for email in [known, f"un{known}"] * 3 * FULL]
    refused = [answer for answer in await asyncio.gather(*tries) if answer.status_code == 503]
    assert len(refused) > 2 * FULL
    assert len({answer.text for answer in refused}) == 1
    assert refused[0].json()["type"].rpartition("/")[2] == "too-many-sign-ins"
    assert (refused[0].headers["retry-after"], refused[0].json()["retry_after"]) == ("60", 60)
    assert (await attempt(identity, known, HOME, PASSWORD)).status_code == 200


async def test_everything_else_goes_on_in_a_storm(identity: Service) -> None:
    """E6: also while no more password is taken in."""
    _, email = await new_partner(identity)
    headers = await sign_in(identity, email)

    async def answered_between_refusals() -> bool:
        was_full = await is_full(identity, email)
        me = await identity.http.get("/me", headers=headers)
        return me.status_code == 200 and was_full and await is_full(identity, email)

    async with storm(identity, email):
        await eventually(answered_between_refusals)


async def test_a_storm_from_one_address_keeps_nobody_else_out(identity: Service) -> None:
    """E6: whoever comes from another one gets a place, and the next turn."""
    _, email = await new_partner(identity)
    async with storm(identity, email):
        await eventually(lambda: is_full(identity, email))
        assert [(await attempt(identity, email, HOME, PASSWORD)).status_code for _ in range(3)] == [200] * 3


async def test_nobody_waits_longer_than_he_is_told_to(platform: Platform) -> None:
    """E6."""
    settings = {"HASHES_AT_ONCE": "1", "HASHES_WAIT_SECONDS": "0.01"}
    identity = await platform.service("identity", instance="no-patience", **settings)
    _, email = await new_partner(identity)
    answers: list[httpx.Response] = await asyncio.gather(*(attempt(identity, email, HOME, PASSWORD) for _ in range(8)))
    assert {(answer.status_code, answer.headers.get("retry-after")) for answer in answers} == {(200, None), (503, "1")}
