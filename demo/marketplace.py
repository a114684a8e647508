"""The other side: a marketplace system that knows Kafka and CloudEvents, and nothing of Switchboard.

This is the complete example of how another system publishes an event: no line of Switchboard is imported.
"""

import json
import secrets
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

SOURCE = "/marketplace/demo"


def new_trace() -> tuple[str, str]:
    """(trace id, W3C traceparent) of a new trace that wants to be recorded."""
    trace_id = secrets.token_hex(16)
    return trace_id, f"00-{trace_id}-{secrets.token_hex(8)}-01"


async def publish(bootstrap: str, events: list[tuple[str, str, str, dict[str, Any], str]]) -> None:
    """Publish (topic, key, event id, data, traceparent) in CloudEvents' binary mode, acknowledged by all replicas."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for topic, key, event_id, data, traceparent in events:
            headers = {
                "content-type": "application/json",
                "ce_specversion": "1.0",
                "ce_id": event_id,
                "ce_source": SOURCE,
                "ce_type": topic,
                "ce_time": datetime.now(UTC).isoformat(),
                "traceparent": traceparent,
            }
            await producer.send_and_wait(
                topic,
                key=key.encode(),
                value=json.dumps(data).encode(),
                headers=[(name, value.encode()) for name, value in headers.items()],
            )
    finally:
        await producer.stop()
