"""The audit log's use cases: take in what was told, show it, and find what was changed (E6)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from common.audit.domain import in_milliseconds
from common.events import AuditRecorded, Received
from common.relay import StateRelay
from identity.audit.domain import Check, Entry, Fact, Flaw
from identity.audit.storage import AuditStore, Filter

EXPORT_PAGE = 500
Seals = Mapping[str, Mapping[int, str]]
"""Partner → place → hash."""


@dataclass
class AuditLog:
    """What the use cases work with. `relay` announces where each entry stands."""

    store: AuditStore
    relay: StateRelay


async def take_in(log: AuditLog, events: Sequence[Received[AuditRecorded]]) -> None:
    """Put what was told into the logs, each once."""
    known = await log.store.known_of_all_partners({event.data.entry_id for event in events})
    by_partner: dict[str, dict[str, Received[AuditRecorded]]] = {}
    for event in events:
        if event.data.entry_id not in known:
            by_partner.setdefault(event.data.partner_id, {}).setdefault(event.data.entry_id, event)
    for partner_id, new in by_partner.items():
        await _append(log, partner_id, list(new.values()))
    log.relay.wake()


async def _append(log: AuditLog, partner_id: str, events: Sequence[Received[AuditRecorded]]) -> None:
    """Add them behind the last entry, wherever it is by then: another replica may add at the same time."""
    while events:
        last = await log.store.last(partner_id)
        entries: list[Entry] = []
        for event in events:
            last = Entry.after(last, _fact(event.data))
            entries.append(last)
        if await log.store.add_of_all_partners(entries, events[0].trace):
            return
        known = await log.store.known_of_all_partners([event.data.entry_id for event in events])
        events = [event for event in events if event.data.entry_id not in known]


def _fact(told: AuditRecorded) -> Fact:
    return Fact(
        id=told.entry_id,
        partner_id=told.partner_id,
        at=in_milliseconds(told.at),
        user_id=told.user_id,
        actor=told.actor.model_dump() if told.actor else None,
        session_id=told.session_id,
        network=told.network,
        service=told.service,
        action=told.action,
        target=told.target,
        details=told.details,
        outcome=told.outcome,
        status=told.status,
    )


async def all_entries(log: AuditLog, partner_id: str, chosen: Filter) -> AsyncIterator[list[Entry]]:
    """Everything that the filter finds, in pages."""
    after: tuple[datetime, str] | None = None
    while found := await log.store.page(partner_id, chosen, after, EXPORT_PAGE):
        yield found
        after = found[-1].fact.at, found[-1].fact.id


async def verify(log: AuditLog, seals: Seals, only: str | None) -> AsyncIterator[Flaw]:
    """What is wrong with the log of one partner, or with any. The seals have to be read before the log is."""
    partners = [only] if only else sorted({*await log.store.partners_of_all(), *seals})
    for partner_id in partners:
        check = Check(partner_id, seals.get(partner_id, {}))
        async for entry in log.store.whole(partner_id):
            for flaw in check.take(entry):
                yield flaw
        for flaw in check.end():
            yield flaw
