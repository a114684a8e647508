"""Replicas whose clocks differ: what is good once at one is not good again at another, and what one did whose clock was
days ahead keeps nobody out."""

import asyncio
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.relay import StateRelay
from common.settings import KafkaSettings
from identity.challenges.handlers import Challenges, forget
from identity.challenges.storage import ChallengeStore
from identity.keys import storage
from identity.keys.clients import Signer
from identity.keys.domain import signing_key_at
from identity.keys.handlers import Keys, rotate
from identity.keys.storage import KeyStore
from identity.machines.domain import Assertion, Machine, Proof
from identity.machines.storage import AssertionStore
from tests.support.databases import database
from tests.support.platform import KEYRING, Platform

A_DAY = timedelta(days=1)
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


async def test_a_key_of_a_clock_that_was_days_ahead_leaves_nobody_without_one(platform: Platform) -> None:
    """F6: the one before retires in between, and others sign until then; every replica makes the same."""
    async with database(platform, storage.INDEXES) as mongo:
        now, ring = datetime.now(UTC), Keyring.parse(SecretStr(KEYRING))
        signer = Signer(ring, "issuer", "audience", A_SECOND, A_SECOND)
        store, kafka = KeyStore(mongo), Kafka(KafkaSettings(kafka_bootstrap=platform.kafka_bootstrap))
        relay = StateRelay(store.collection, kafka, "/identity", storage.to_key_changed)
        replicas = [Keys(store, signer, relay, age=30 * A_DAY, overlap=timedelta(minutes=1)) for _ in range(3)]
        await store.add(signer.new_key("first", now - 40 * A_DAY, now + A_SECOND))
        await store.add(signer.new_key("ahead", now + 5 * A_DAY, now + 35 * A_DAY))
        await asyncio.gather(*(rotate(one) for one in replicas))
        await asyncio.gather(*(rotate(one) for one in replicas))
        known = await store.all()
        assert len(known) == 3
        assert signing_key_at(known, now + A_DAY) not in (None, *known[:2])
        assert signing_key_at(known, now + 6 * A_DAY) == known[1]


async def test_an_answered_challenge_is_known_as_long_as_any_clock_takes_it(platform: Platform) -> None:
    """E6: it has expired by the clock of whoever forgets, and not by another."""
    async with database(platform) as mongo:
        store, until = ChallengeStore(mongo), datetime.now(UTC) - A_SECOND
        assert await store.answer("a challenge", until)
        await forget(Challenges(store, Keyring.parse(SecretStr(KEYRING)), LEEWAY))
        assert not await store.answer("a challenge", until)
