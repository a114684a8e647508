"""Parts of a test's own, so that they may be killed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from local_stack import Stack
from tests.support.mail import MailServer
from tests.support.platform import Platform


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A broker and a database that nobody else uses."""
    starting = Stack.start(tmp_path / "stack", only=("kafka", "mongo"))
    stack = await asyncio.to_thread(starting.__enter__)
    yield stack
    await asyncio.to_thread(starting.__exit__, None, None, None)


@pytest.fixture
async def own(stack: Stack, tmp_path: Path) -> AsyncIterator[Platform]:
    """Services on that broker and that database."""
    platform = Platform(stack.kafka_bootstrap, stack.mongo_url, tmp_path)
    try:
        await platform.prepare()
        yield platform
    finally:
        await platform.end()


@pytest.fixture
def sink() -> Iterator[MailServer]:
    """A mail server that nobody else speaks to."""
    server = MailServer()
    server.start()
    yield server
    server.stop()
