"""A compacted topic in the memory of a process (F6)."""

import asyncio
from datetime import timedelta

from common.auth import TrustedKeys
from common.events import SigningKeyChanged
from common.jobs import Stop
from common.kafka.connection import Kafka
from common.kafka.table import Table
from tests.support.eventually import eventually
from tests.support.platform import Platform


async def test_what_is_no_key_stands_aside(apart: Platform, kafka: Kafka) -> None:
    """F6: it holds up neither the keys behind it nor any process that starts."""
    for kid, text in (("short", "abc"), ("foreign", "ż" * 43), ("none", "")):
        await apart.io.publish(SigningKeyChanged(kid=kid, version=1, public_key=text), event_id=kid)
    behind = apart.tokens.announcement.model_copy(update={"kid": "behind"})
    await apart.io.publish(behind, event_id="behind")
    keys, stop = TrustedKeys(), Stop()
    table = Table(SigningKeyChanged, keys.apply, kafka)
    reading = asyncio.create_task(table.run(stop))
    await eventually(lambda: table.caught_up or reading.done())
    stop.set()
    await reading
    assert keys.get("behind", timedelta()) is not None
    assert len(keys) == 2, "and the one that the tests announced before"
