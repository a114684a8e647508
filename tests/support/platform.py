"""The services as processes, over the real broker and database, apart from every other test session."""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from common.kafka.topics import create_topics
from common.settings import KafkaSettings
from tests.support.eventually import eventually
from tests.support.kafka_io import KafkaIO
from tests.support.tokens import Tokens

KEYRING = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class Service:
    """One service process. `http` speaks to it; `io` and `tokens` belong to the same topics as it does."""

    def __init__(self, platform: "Platform", name: str, environment: dict[str, str]) -> None:
        self.name = name
        self.io = platform.io
        self.tokens = platform.tokens
        self.database: AsyncDatabase[dict[str, Any]] = platform.mongo[environment["MONGO_DATABASE"]]
        self.environment = environment
        self.log = platform.directory / f"{platform.prefix}{name}.log"
        self.url = f"http://127.0.0.1:{environment['SERVICE_PORT']}"
        self.http = httpx.AsyncClient(base_url=self.url, timeout=20)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self, *, wait: bool = True) -> None:
        """Start the process and wait until it is ready."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", self.name]
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)  # noqa: ASYNC220
        if wait:
            await self.ready()

    async def ready(self, timeout: float = 30.0) -> None:
        """Wait until `/readyz` says so; fails with the end of the log when the process dies."""

        async def is_ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log_text()[-3000:]}")
            try:
                return (await self.http.get("/readyz")).status_code == 200
            except httpx.HTTPError:
                return False

        await eventually(is_ready, timeout, f"{self.name} being ready (log: {self.log})")

    def log_text(self) -> str:
        """Everything the process logged so far."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    async def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM, and wait for the end; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, timeout)

    async def close(self) -> None:
        await self.http.aclose()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Platform:
    """Topics with a prefix of their own and databases named after it. `service(name)` starts a service once."""

    def __init__(self, kafka_bootstrap: str, mongo_url: str, directory: Path) -> None:
        self.kafka_bootstrap = kafka_bootstrap
        self.mongo_url = mongo_url
        self.directory = directory
        self.prefix = f"t{secrets.token_hex(4)}."
        self.mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url, tz_aware=True)
        self.io = KafkaIO(kafka_bootstrap, self.prefix)
        self.tokens = Tokens()
        self._services: dict[str, Service] = {}
        self._replicas: list[Service] = []
        self._apart: dict[str, Platform] = {}
        self._lock = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the topics and announce the tests' signing key."""
        await create_topics(KafkaSettings(kafka_bootstrap=self.kafka_bootstrap, kafka_prefix=self.prefix))
        key = self.tokens.announcement
        await self.io.publish(key, event_id=key.kid, source="/test")

    async def make_topic(self, name: str) -> None:
        """Make a topic that is not in the registry."""
        await self._admin(lambda admin: admin.create_topics([NewTopic(self.prefix + name, 1, 1)]))

    async def service(self, name: str, instance: str = "", **environment: str) -> Service:
        """The running service `name`.

        With `instance`, one with settings of its own (`environment`) on topics and a database of its own, so that
        it takes nothing from the others: publish and follow through the returned service's `io`.
        """
        if instance:
            platform = await self.apart(instance)
            return await platform.service(name, **environment)
        async with self._lock:
            if name not in self._services:
                self._services[name] = Service(self, name, self._environment(name, environment))
                await self._services[name].start()
        return self._services[name]

    async def replica(self, of: Service) -> Service:
        """Another process of a running service: of the same group, on the same database."""
        environment = {**of.environment, "SERVICE_PORT": str(free_port())}
        made = Service(self, of.name, environment)
        self._replicas.append(made)
        await made.start()
        return made

    async def apart(self, instance: str) -> "Platform":
        """Another platform on the same broker and database, which shares nothing with this one."""
        async with self._lock:
            if instance not in self._apart:
                self._apart[instance] = Platform(self.kafka_bootstrap, self.mongo_url, self.directory)
                await self._apart[instance].prepare()
        return self._apart[instance]

    async def close_apart(self) -> None:
        """End the platforms that were set apart."""
        while self._apart:
            _, platform = self._apart.popitem()
            await platform.close()

    async def close(self) -> None:
        """End every process and forget the topics and databases."""
        await self.close_apart()
        await self._end_processes()
        await self.io.close()
        await self._delete_topics()
        for name in self._services:
            await self.mongo.drop_database(self._database(name))
        await self.mongo.close()

    async def end(self) -> None:
        """End every process, where the broker and the database end as well, or have ended already."""
        await self._end_processes()
        await self.io.close()
        await self.mongo.close()

    async def _end_processes(self) -> None:
        for service in [*self._services.values(), *self._replicas]:
            await service.close()

    async def _delete_topics(self) -> None:
        """A broker that is not ours alone must not fill up with the topics of past sessions."""

        async def delete(admin: AIOKafkaAdminClient) -> None:
            await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(self.prefix)])

        await self._admin(delete)

    async def _admin(self, work: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka_bootstrap)
        await admin.start()
        try:
            await work(admin)
        finally:
            await admin.close()

    def _database(self, name: str) -> str:
        return f"{self.prefix}{name}".replace(".", "_")

    def _environment(self, name: str, extra: dict[str, str]) -> dict[str, str]:
        port = free_port()
        return {
            **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")},
            "SERVICE_PORT": str(port),
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "KAFKA_PREFIX": self.prefix,
            "KAFKA_SESSION_TIMEOUT_MS": "3000",
            "MONGO_URL": self.mongo_url,
            "MONGO_DATABASE": self._database(name),
            "IDENTITY_KEYRING": KEYRING,
            "OUTBOX_KEYRING": KEYRING,
            "UNSUBSCRIBE_KEYRING": KEYRING,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "SMTP_ALLOWED_INNER_HOSTS": "127.0.0.1",
            "SMTP_PORTS": "*",
            "GATEWAY_ALLOWED_INNER_HOSTS": "127.0.0.1",
            "GATEWAY_PORTS": "*",
            **extra,
        }


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
