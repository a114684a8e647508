"""Guessing passwords: how often, and whom it does not keep out (E6)."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from common.audit.domain import network_of
from identity.throttling.domain import Budget
from identity.throttling.storage import AttemptStore
from tests.identity.test_sessions import continue_
from tests.identity.test_sign_in import PASSWORD, new_partner
from tests.support.databases import database
from tests.support.platform import Platform, Service

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"
TRIES = 3


@pytest.fixture
async def identity(platform: Platform) -> Service:
    """One that forgets no wrong try during a test."""
    settings = {"SIGN_IN_TRIES": str(TRIES), "SIGN_IN_TRIES_PER_ADDRESS": "6", "SIGN_IN_TRY_SECONDS": "3600"}
    return await platform.service("identity", instance="throttled", **settings)


async def attempt(identity: Service, email: str, address: str, password: str = "a wrong password") -> httpx.Response:
    """From `address`, as a proxy on this machine says it."""
    body = {"email": email, "password": password}
    return await identity.http.post("/sign-in", json=body, headers={"X-Forwarded-For": address})


async def test_after_a_few_wrong_passwords_the_account_is_closed_to_strangers(identity: Service) -> None:
    """E6: also to many at once; the answer says for how long."""
    _, email = await new_partner(identity)
    answers = await asyncio.gather(*(attempt(identity, email, f"203.0.113.{i}") for i in range(10)))
    assert sorted(answer.status_code for answer in answers) == [401] * TRIES + [429] * (10 - TRIES)
    right = await attempt(identity, email, ELSEWHERE, PASSWORD)
    assert (right.status_code, right.json()["type"].rpartition("/")[2]) == (429, "too-many-attempts")
    assert 0 < int(right.headers["retry-after"]) <= 3600


async def test_guessing_from_elsewhere_does_not_keep_the_person_out(identity: Service) -> None:
    """E6: where he was signed in before, he has tries of his own; his sessions go on anyway."""
    _, email = await new_partner(identity)
    session = await attempt(identity, email, HOME, PASSWORD)
    for i in range(5):
        await attempt(identity, email, f"203.0.113.{i}")
    assert (await attempt(identity, email, ELSEWHERE, PASSWORD)).status_code == 429
    assert (await attempt(identity, email, HOME, PASSWORD)).status_code == 200
    assert (await continue_(identity, session.json())).status_code == 200


async def test_a_known_address_has_no_endless_tries_either(identity: Service) -> None:
    """E6: and those of other addresses are not touched by it."""
    _, email = await new_partner(identity)
    await attempt(identity, email, HOME, PASSWORD)
    statuses = [(await attempt(identity, email, HOME)).status_code for _ in range(TRIES + 1)]
    assert statuses == [401] * TRIES + [429]
    assert (await attempt(identity, email, ELSEWHERE, PASSWORD)).status_code == 200


async def test_an_address_tries_few_accounts(identity: Service) -> None:
    """E6: one password for many accounts; the people at that address who were there before go on."""
    _, email = await new_partner(identity)
    network = "2001:db8:1:2"
    assert (await attempt(identity, email, f"{network}::1", PASSWORD)).status_code == 200
    victims = [f"nobody-{i}@shop.example.com" for i in range(7)]
    statuses = [(await attempt(identity, victim, f"{network}::{i}")).status_code for i, victim in enumerate(victims)]
    assert statuses == [401] * 6 + [429]
    assert (await attempt(identity, email, f"{network}::1", PASSWORD)).status_code == 200


async def test_an_unknown_account_is_closed_in_the_same_way(identity: Service) -> None:
    """E6: nobody learns from it who has an account; and neither address nor account is in the document."""
    _, known = await new_partner(identity)
    answers: list[list[tuple[int, str]]] = []
    for i, email in enumerate((known, f"un{known}")):
        tried = [await attempt(identity, email, f"203.0.113.{100 + i}") for _ in range(TRIES + 1)]
        answers.append([(answer.status_code, answer.json()["type"]) for answer in tried])
    assert answers[0] == answers[1]
    documents = str(await identity.database["attempts"].find({}).to_list())
    assert known not in documents
    assert "203.0.113" not in documents


async def test_right_passwords_cost_nothing(identity: Service) -> None:
    """E6."""
    _, email = await new_partner(identity)
    assert [(await attempt(identity, email, HOME, PASSWORD)).status_code for _ in range(TRIES + 2)] == [200] * 5


async def test_tries_come_back_with_time(platform: Platform) -> None:
    """E6."""
    settings = {"SIGN_IN_TRIES": "1", "SIGN_IN_TRY_SECONDS": "0.2"}
    identity = await platform.service("identity", instance="quick", **settings)
    _, email = await new_partner(identity)
    answers = [await attempt(identity, email, HOME)]
    async with asyncio.timeout(20):
        while answers[-1].status_code != 200:
            answers.append(await attempt(identity, email, HOME, PASSWORD))


async def test_a_clock_that_is_behind_gives_no_more_tries(platform: Platform) -> None:
    """E6: of two replicas, whose requests come in turn and whose clocks differ by seconds."""
    async with database(platform) as mongo:
        store, budget, now = AttemptStore(mongo), Budget(TRIES, 60), datetime.now(UTC)
        clocks = [now - timedelta(seconds=2 * (number % 2)) for number in range(200)]
        waits = [await store.take("an account", budget, at) for at in clocks]
    assert [wait == 0 for wait in waits] == [True] * TRIES + [False] * (200 - TRIES)


async def test_a_clock_that_was_days_ahead_closes_nothing_for_days(platform: Platform) -> None:
    """E6: neither for people nor for machines, which use no try when they are right; it is corrected meanwhile."""
    async with database(platform) as mongo:
        store, budget, now = AttemptStore(mongo), Budget(TRIES, 60), datetime.now(UTC)
        for key in ("person", "machine"):
            assert [await store.take(key, budget, now + timedelta(days=3)) == 0 for _ in range(TRIES)] == [True] * TRIES
        assert await store.take("person", budget, now) > 0
        assert await store.wait({"machine": budget}, now) > 0
        soon = now + timedelta(minutes=3)
        assert await store.take("person", budget, soon) == 0
        assert await store.wait({"machine": budget}, soon) == 0


async def test_a_machine_has_the_tries_that_are_left_by_a_clock_that_is_behind(platform: Platform) -> None:
    """E6: seconds that are still to come take none away."""
    async with database(platform) as mongo:
        store, budget, now = AttemptStore(mongo), Budget(TRIES, 60), datetime.now(UTC)
        for _ in range(TRIES - 1):
            assert await store.take("a machine", budget, now + timedelta(seconds=5)) == 0
        assert await store.wait({"a machine": budget}, now) == 0


async def test_an_ipv4_address_is_the_same_however_it_is_written(identity: Service) -> None:
    """E6: a dual-stack proxy writes it as IPv6; all people with such addresses are not one network."""
    statuses = [
        (await attempt(identity, f"un-{i}@shop.example.com", "::ffff:192.0.2.77")).status_code for i in range(7)
    ]
    assert statuses == [401] * 6 + [429]
    for address, status in (("192.0.2.77", 429), ("::ffff:192.0.2.78", 401)):
        assert (await attempt(identity, "un-7@shop.example.com", address)).status_code == status
    assert network_of("::ffff:192.0.2.77") == "192.0.2.0/24"


@pytest.mark.parametrize(
    "password",
    ["passwordpassword", "qwertyuiop12", "123456789012", "aaaaaaaaaaaa", "switchboard1", "waleriawaleria1"],
)
async def test_a_password_that_others_would_guess_is_refused(platform: Platform, password: str) -> None:
    """E6: by lists, not by rules of composition; the own address is on the list, too."""
    identity = await platform.service("identity")
    owner = {"email": "waleria@shop.example.com", "name": "W. Olszewska", "password": password}
    body = {"name": "Shop", "owner": owner}
    answer = await identity.http.post("/partners", json=body, headers=platform.tokens.headers("platform"))
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "password-too-easy")
    assert password not in answer.text


async def test_a_password_of_small_letters_alone_is_fine(platform: Platform) -> None:
    """E6."""
    identity = await platform.service("identity")
    _, email = await new_partner(identity)
    session = (await attempt(identity, email, HOME, PASSWORD)).json()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    change = {"password": "gmlqzrtwvbnk", "proof": {"password": PASSWORD}}
    assert (await identity.http.put("/me/password", json=change, headers=headers)).status_code == 204
