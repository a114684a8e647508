"""How soon access that was taken back is refused in all five services."""

import asyncio
import statistics
import time
from collections.abc import Sequence

from bench.latency import p99
from bench.load import Client, request
from bench.runner import Row
from bench.setting import paced, platform
from tests.identity.entering import Json, claims, connected
from tests.identity.test_revocation import WHILE_ACTING
from tests.identity.test_sessions import bearer
from tests.support.eventually import eventually

TRIALS = 200
ASKED_PER_SECOND = 200
LONGEST_SECONDS = 30
GOAL_MS = 5_000


async def bench() -> Sequence[Row]:
    """The rows: p50 and p99 from the client's call, which ends an entry, to the refusal of the last service."""
    async with platform() as at:
        clients = {name: Client((await at.service(name)).url) for name in WHILE_ACTING}
        master, client = await connected(await at.service("identity"))
        took = sorted([await trial(clients, await master.enters(client.id), client.owner) for _ in range(TRIALS)])
        for one in clients.values():
            one.close()
    return [
        Row("revocation: an entry is refused by all five, p50", statistics.median(took), "ms"),
        Row("revocation: the same, p99", p99(took), "ms", goal=GOAL_MS, at_most=True),
    ]


async def trial(clients: dict[str, Client], entered: Json, owner: dict[str, str]) -> float:
    """Milliseconds until the last of the five refuses a token that was good in all of them."""
    asked = {name: request("GET", WHILE_ACTING[name], bearer(entered)) for name in clients}

    async def let_in() -> bool:
        return {await clients[name].ask(asked[name]) for name in clients} == {200}

    async def refused(name: str) -> None:
        async for _ in paced(ASKED_PER_SECOND, ASKED_PER_SECOND * LONGEST_SECONDS):
            if await clients[name].ask(asked[name]) == 401:
                return
        raise TimeoutError(f"{name} still lets him in after {LONGEST_SECONDS} s")

    await eventually(let_in, what="a good token in all five")
    began = time.perf_counter()
    ended = await clients["identity"].ask(request("DELETE", f"/entries/{claims(entered)['sid']}", owner))
    assert ended == 204
    await asyncio.gather(*map(refused, clients))
    return (time.perf_counter() - began) * 1_000
