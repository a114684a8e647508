"""Saying whose tokens are refused, and that nothing of it is missing (E6)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from common.events import AccessRevoked, encode
from common.kafka.connection import Kafka
from common.relay import BATCH, StateRelay


@dataclass
class Heart:
    """`relays` publish whatever revokes tokens."""

    relays: Sequence[StateRelay]
    kafka: Kafka


async def beat(heart: Heart) -> None:
    """Publish a sign of life, after all that was revoked before: who hears it has missed nothing until then."""
    for relay in heart.relays:
        while await relay.publish_due() == BATCH:
            pass
    now = int(time.time())
    sign = AccessRevoked(subject=AccessRevoked.HEARTBEAT, version=now)
    await heart.kafka.publish([encode(sign, event_id=f"{AccessRevoked.HEARTBEAT}@{now}", source="/identity")])
