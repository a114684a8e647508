"""A bare loop as a process, on the topics of a platform and in a database of its own."""

import asyncio
import os
import sys
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from tests.support.platform import Platform


class Bare:
    """The module `bench.bare.<name>`."""

    def __init__(self, name: str, own: Platform) -> None:
        self._module = f"bench.bare.{name}"
        self._own = own
        self._database = own.prefix.strip(".") + "_bare"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def database(self) -> AsyncDatabase[dict[str, Any]]:
        return self._own.mongo[self._database]

    async def start(self) -> None:
        kafka = {"KAFKA_BOOTSTRAP": self._own.kafka_bootstrap, "KAFKA_PREFIX": self._own.prefix}
        mongo = {"MONGO_URL": self._own.mongo_url, "MONGO_DATABASE": self._database}
        command = [sys.executable, "-m", self._module]
        self._process = await asyncio.create_subprocess_exec(*command, env=os.environ | kafka | mongo)

    async def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
