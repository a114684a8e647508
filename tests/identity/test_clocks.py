"""Replicas whose clocks differ by seconds: what is good once at one is not good again at another."""

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from common.keyring import Keyring
from identity.challenges.handlers import Challenges, forget
from identity.challenges.storage import ChallengeStore
from identity.machines.domain import Assertion, Machine, Proof
from identity.machines.storage import AssertionStore
from tests.support.databases import database
from tests.support.platform import KEYRING, Platform

A_SECOND, LEEWAY = timedelta(seconds=1), timedelta(seconds=30)


async def test_a_used_assertion_is_known_as_long_as_any_clock_takes_it(platform: Platform) -> None:
    """B8: the one that is behind takes it for the leeway, and the one that is ahead is ahead by as much."""
    now = datetime.now(UTC)
    machine = Machine("mch_1", "prt_1", "Order system", frozenset(), Proof(), now)
    assertion = Assertion(machine.id, machine.id, frozenset(), "1", 0, 0, now.timestamp())
    async with database(platform) as mongo:
        store = AssertionStore(mongo)
        assert await store.use(machine, assertion, LEEWAY)
        await store.forget(now + LEEWAY + LEEWAY - A_SECOND)
        assert not await store.use(machine, assertion, LEEWAY)


async def test_an_answered_challenge_is_known_as_long_as_any_clock_takes_it(platform: Platform) -> None:
    """E6: it has expired by the clock of whoever forgets, and not by another."""
    async with database(platform) as mongo:
        store, until = ChallengeStore(mongo), datetime.now(UTC) - A_SECOND
        assert await store.answer("a challenge", until)
        await forget(Challenges(store, Keyring.parse(SecretStr(KEYRING)), LEEWAY))
        assert not await store.answer("a challenge", until)
