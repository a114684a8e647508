"""What tests of the shared library run in."""

from collections.abc import AsyncGenerator

import pytest

from common.kafka.connection import Kafka
from common.settings import KafkaSettings
from tests.support.eventually import unique
from tests.support.platform import Platform


@pytest.fixture
async def apart(platform: Platform) -> Platform:
    """Topics of one test alone: nobody else reads them."""
    return await platform.apart(unique("apart"))


@pytest.fixture
async def kafka(apart: Platform) -> AsyncGenerator[Kafka]:
    """A connection of this process to these topics."""
    kafka = Kafka(KafkaSettings(kafka_bootstrap=apart.kafka_bootstrap, kafka_prefix=apart.prefix))
    yield kafka
    await kafka.stop()
