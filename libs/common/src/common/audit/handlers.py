"""Telling the audit log: a deed is kept before it is done, and what came of it after (E6).

So a process that dies in between leaves a deed of which it is not known whether it was done, and never one that was
done and is not in the log.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.audit.domain import Deed, Outcome
from common.audit.storage import AuditOutbox
from common.events.audit import AuditRecorded
from common.events.envelope import Outgoing, encode
from common.ids import new_id
from common.kafka.connection import Kafka
from common.mongo import Document
from common.telemetry import current_traceparent

BATCH = 500
Details = Mapping[str, list[str]]


@dataclass
class Journal:
    """What the use cases work with. `due` is set when something can be told; `in_hand` are the deeds that this process
    has begun and not ended."""

    store: AuditOutbox
    kafka: Kafka
    service: str
    due: asyncio.Event = field(default_factory=asyncio.Event)
    in_hand: set[str] = field(default_factory=lambda: set[str]())


async def begin(journal: Journal, deed: Deed, details: Details) -> None:
    """Keep a deed that will be done now. Raises a PyMongoError, and then it must not be done."""
    await journal.store.begin(deed, details, current_traceparent())
    journal.in_hand.add(deed.id)


async def end(journal: Journal, deed: Deed, outcome: Outcome, status: int) -> None:
    """Say what came of it."""
    await journal.store.end(deed, outcome, status, datetime.now(UTC))
    journal.due.set()


def over(journal: Journal, ids: Iterable[str]) -> None:
    """Nothing more is going to be said of these: what was not, becomes known as unknown."""
    journal.in_hand.difference_update(ids)


async def prolong(journal: Journal) -> None:
    """What came of deeds that are done at this moment is not unknown, however long they take."""
    if journal.in_hand:
        await journal.store.prolong(list(journal.in_hand), datetime.now(UTC))


async def record(
    journal: Journal, deed: Deed, outcome: Outcome, status: int | None = None, details: Details | None = None
) -> None:
    """Keep a deed of which everything is known."""
    await journal.store.add(deed, outcome, status, details or {}, current_traceparent())
    journal.due.set()


async def tell(journal: Journal) -> bool:
    """Publish one batch of what is due, and forget it; True when there may be more. What is told twice is one entry, by
    its id."""
    found = await journal.store.due(datetime.now(UTC), BATCH)
    if found:
        await journal.kafka.publish([_record(journal.service, one) for one in found])
        await journal.store.forget([one["_id"] for one in found])
    return len(found) == BATCH


def new_deed_id() -> str:
    return new_id("aud")


def _record(service: str, document: Document) -> Outgoing:
    names = (
        "partner_id", "at", "session_id", "network", "action", "target", "details", "outcome", "status", "actor"
    )  # fmt: skip
    fields = {name: document.get(name) for name in names}
    event = AuditRecorded.model_validate(
        fields | {"entry_id": document["_id"], "user_id": document["by"], "service": service}
    )
    return encode(event, event_id=event.entry_id, source=f"/{service}", time=document["at"], trace=document["trace"])
