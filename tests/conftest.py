"""The fixtures of every test: the real parts, and the services as processes."""

import os
import shutil
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.kafka_io import KafkaIO
from tests.support.mail import MailServer
from tests.support.platform import Platform
from tests.support.tokens import Tokens

settings.register_profile("untimed", deadline=None)  # how long an example takes says more of the machine than of us
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(Kafka bootstrap, MongoDB URL): of the environment, of containers if an engine answers, or of the local stack."""
    if "KAFKA_BOOTSTRAP" in os.environ and "MONGO_URL" in os.environ:
        yield os.environ["KAFKA_BOOTSTRAP"], os.environ["MONGO_URL"]
        return
    with _containers() if _engine_answers() else _local_stack(tmp_path_factory.mktemp("stack")) as found:
        yield found


def _engine_answers() -> bool:
    if shutil.which("docker") is None and "DOCKER_HOST" not in os.environ:
        return False
    import docker
    from docker.errors import DockerException

    try:
        return bool(docker.from_env(timeout=3).ping())
    except DockerException:
        return False


@contextmanager
def _containers() -> Generator[tuple[str, str]]:
    from testcontainers.kafka import KafkaContainer
    from testcontainers.mongodb import MongoDbContainer

    with KafkaContainer().with_kraft() as kafka, MongoDbContainer("mongo:8") as mongo:
        yield kafka.get_bootstrap_server(), mongo.get_connection_url()


@contextmanager
def _local_stack(directory: Path) -> Generator[tuple[str, str]]:
    from local_stack import Stack

    with Stack.start(directory, only=("kafka", "mongo")) as stack:
        yield stack.kafka_bootstrap, stack.mongo_url


@pytest.fixture(scope="session")
async def lasting(parts: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """Topics and databases of this session, and its services."""
    platform = Platform(*parts, tmp_path_factory.mktemp("logs"))
    await platform.prepare()
    yield platform
    await platform.close()


@pytest.fixture(scope="module")
async def platform(lasting: Platform) -> AsyncIterator[Platform]:
    """The session's platform; what a module sets apart ends with the module, or the broker would choke on it."""
    yield lasting
    await lasting.close_apart()


@pytest.fixture(scope="session")
def tokens(lasting: Platform) -> Tokens:
    return lasting.tokens


@pytest.fixture(scope="session")
def kafka_io(lasting: Platform) -> KafkaIO:
    return lasting.io


@pytest.fixture(scope="session")
def mail() -> Iterator[MailServer]:
    """One mail server for the session; tests use addresses of their own."""
    server = MailServer()
    server.start()
    yield server
    server.stop()
