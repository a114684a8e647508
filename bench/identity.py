"""What a checked token costs, how many sign in, and who is kept waiting by it."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher

from bench.latency import p99
from bench.load import Client, as_many_as_go, at_a_pace, request
from bench.runner import Row, in_turn
from bench.setting import platform
from identity.passwords.clients import LANES
from tests.identity.test_sign_in import PASSWORD, new_partner, sign_in
from tests.support.needs import cpu_seconds
from tests.support.platform import Platform, Service, free_port

ROUTE = "/roles"
"""A route that needs a token and nothing else: no permission, no query."""
AT_ONCE = 20
SECONDS = 5.0
HASHES_AT_ONCE = (1, 2)
"""With one, another core is left to service, database and broker; with two, they share those of the hashes."""
OFFERED_PER_SECOND = 200
STORM_SECONDS = 15.0
ASKED_PER_SECOND = 50
GOAL_RATIO, GOAL_PER_CORE, GOAL_SIGN_INS = 0.5, 2_500.0, 0.9
GOAL_P99_MS = 250.0


async def bench() -> Sequence[Row]:
    """The rows: checked requests a second of a core, sign-ins over bare hashing, and p99 of others meanwhile."""
    async with platform() as at:
        contacts, bare = await at.service("contacts"), await unchecked(at)
        plain, checked = await in_turn(lambda _: per_core(bare), lambda _: per_core(contacts))
        await bare.close()
        sign_ins = [await sign_ins_over_hashes(at, at_once) for at_once in HASHES_AT_ONCE]
        alone, beside, refused = await beside_a_storm(at)
    storm = f"identity: the same while {OFFERED_PER_SECOND}/s want to sign in"
    return [
        Row("identity: requests with a checked token", checked, "req/core s", plain, GOAL_RATIO),
        Row("identity: the same, each core", checked, "req/core s", goal=GOAL_PER_CORE),
        *sign_ins,
        Row("identity: another route, p99", p99(alone), "ms"),
        Row(storm, p99(beside), "ms", goal=GOAL_P99_MS, at_most=True),
        Row("identity: of whom are told to come again", refused * 100, "%"),
    ]


async def unchecked(at: Platform) -> Service:
    """contacts without the check of tokens, on the same topics and database."""
    contacts = await at.service("contacts")
    service = Service(at, "bench.bare.unchecked", contacts.environment | {"SERVICE_PORT": str(free_port())})
    await service.start()
    return service


async def per_core(service: Service) -> float:
    """Requests for each second that a core worked for the service."""
    client, asked = Client(service.url), request("GET", ROUTE, service.tokens.headers("prt_bench"))
    assert await client.ask(asked) == 200
    await as_many_as_go(lambda: client.ask(asked), AT_ONCE, 1.0)
    before = cpu_seconds(service)
    began = time.perf_counter()
    rate = await as_many_as_go(lambda: client.ask(asked), AT_ONCE, SECONDS)
    took, worked = time.perf_counter() - began, cpu_seconds(service) - before
    client.close()
    return rate * took / worked


async def sign_ins_over_hashes(at: Platform, at_once: int) -> Row:
    """Sign-ins while so many passwords are hashed at once."""
    settings = {"HASHES_AT_ONCE": str(at_once), "HASHES_WAITING": "1000"}
    identity = await at.service("identity", instance=f"hashes-{at_once}", **settings)
    emails = [(await new_partner(identity))[1] for _ in range(AT_ONCE)]
    hashes, sign_ins = await in_turn(
        lambda _: hashes_per_second(at_once), lambda _: sign_ins_per_second(identity, emails)
    )
    await identity.close()
    return Row(f"identity: sign-ins, {at_once} hashed at once", sign_ins, "sign-ins/s", hashes, GOAL_SIGN_INS)


async def hashes_per_second(at_once: int) -> float:
    """Passwords that are checked by as many threads, and nothing else."""
    hasher, loop = PasswordHasher(parallelism=LANES), asyncio.get_running_loop()
    known = hasher.hash(PASSWORD)
    with ThreadPoolExecutor(at_once) as threads:
        return await as_many_as_go(
            lambda: loop.run_in_executor(threads, hasher.verify, known, PASSWORD), at_once, SECONDS
        )


async def sign_ins_per_second(identity: Service, emails: Sequence[str]) -> float:
    """Sign-ins of as many people at once as never lets a core idle."""
    client = Client(identity.url)
    rate = await as_many_as_go(signing_in(client, emails), len(emails), SECONDS)
    client.close()
    return rate


def signing_in(client: Client, emails: Sequence[str]) -> Callable[[], Awaitable[int]]:
    """Each of them in turn; returns the status."""
    asked = [request("POST", "/sign-in", {}, {"email": email, "password": PASSWORD}) for email in emails]
    turn = 0

    def ask() -> Awaitable[int]:
        nonlocal turn
        turn += 1
        return client.ask(asked[turn % len(asked)])

    return ask


async def beside_a_storm(at: Platform) -> tuple[list[float], list[float], float]:
    """How long another route takes, in ms, alone and while far more want to sign in than can; and which share of them
    is told to come again."""
    settings = {"HASHES_AT_ONCE": str(HASHES_AT_ONCE[-1]), "SIGN_IN_TRIES": "1000"}  # few people stand for many
    identity = await (await at.apart("storm")).service("identity", **settings)
    emails = [(await new_partner(identity))[1] for _ in range(AT_ONCE)]
    client, asked = Client(identity.url), request("GET", "/me", await sign_in(identity, emails[0]))
    for email in emails:
        await sign_in(identity, email)
    alone = await at_a_pace(lambda: client.ask(asked), ASKED_PER_SECOND, STORM_SECONDS / 3)
    storm, statuses = Client(identity.url), list[int]()
    ask = signing_in(storm, emails)

    async def want_in() -> None:
        statuses.append(await ask())

    wanting = asyncio.create_task(at_a_pace(want_in, OFFERED_PER_SECOND, STORM_SECONDS))
    beside = await at_a_pace(lambda: client.ask(asked), ASKED_PER_SECOND, STORM_SECONDS)
    await wanting
    assert set(statuses) <= {200, 503}, Counter(statuses)
    return alone, beside, statuses.count(503) / len(statuses)
