"""What notifications does with events: decide once, store the decision, publish its messages.

The order matters: a decision is stored before its messages are published, and the offset is committed after that. A
crash in between repeats the batch; the stored decision is then used again, so nobody new is told twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.errors import Poison
from common.events import ContactChanged, MessageFailed, Outgoing, PartnerChanged, Received
from common.ids import computed_id
from common.kafka.connection import Kafka
from notifications.domain import (
    Decision,
    Escalated,
    Nobody,
    Occurrence,
    address_messages,
    next_in_chain,
    resolve,
)
from notifications.kinds import Kinds
from notifications.messages import escalation_record, message_record
from notifications.storage import Directory, Store


@dataclass
class Notifications:
    """What the use cases work with."""

    store: Store
    kinds: Kinds
    kafka: Kafka
    wait: timedelta


async def notify_all(notifications: Notifications, occurrences: Sequence[Occurrence]) -> None:
    """Tell the right people of every occurrence (A7); those that cannot be decided yet wait (A8)."""
    waiting: list[Occurrence] = []
    for kind in {one.kind: None for one in occurrences}:
        waiting += await _notify_kind(notifications, kind, [one for one in occurrences if one.kind == kind])
    if waiting:
        now = datetime.now(UTC)
        await notifications.store.keep_waiting(waiting, now, now + notifications.wait)


async def _notify_kind(notifications: Notifications, kind: str, occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Decide and publish; returns those that nobody can be told of yet."""
    store = notifications.store
    directory = await store.directory_of_all_partners(kind, (one.partner_id for one in occurrences))
    decisions, undecided = _decide(directory, occurrences, datetime.now(UTC))
    stored = await store.keep_decisions(decisions)
    await notifications.kafka.publish(_records(notifications, directory, stored))
    return undecided


def _decide(
    directory: Directory, occurrences: Iterable[Occurrence], now: datetime
) -> tuple[list[Decision], list[Occurrence]]:
    decisions: dict[str, Decision] = {}
    undecided: list[Occurrence] = []
    for one in occurrences:
        partner = directory.partners.get(one.partner_id)
        try:
            if partner is None:
                raise Nobody
            recipients = resolve(directory.entries_of(one.partner_id), directory.people_of(one.partner_id), partner)
        except Nobody:
            undecided.append(one)
        else:
            decisions.setdefault(one.id, Decision(one, address_messages(one, recipients), now))
    return list(decisions.values()), undecided


def _records(notifications: Notifications, directory: Directory, decisions: Iterable[Decision]) -> list[Outgoing]:
    return [
        message_record(
            notifications.kinds.get(decision.about.kind), directory.partners[decision.about.partner_id], decision, to
        )
        for decision in decisions
        for to in decision.to
    ]


async def escalate_all(notifications: Notifications, events: Sequence[Received[MessageFailed]]) -> None:
    """Tell the next in the chain of every message that could not be delivered, once each (A8).

    Failures of messages that are not ours are left alone. Raises Poison for one that we never decided about.
    """
    failures = [event for event in events if event.data.kind in notifications.kinds]
    ids = {event.data.message_id: _decision_id(event.data) for event in failures}
    decisions = await _decisions(notifications, ids.values())
    unknown = [event for event in failures if ids[event.data.message_id] not in decisions]
    if unknown:
        raise Poison("unknown_message", "no decision of ours is behind this message")
    escalations = [
        (
            ids[event.data.message_id],
            await _escalation(notifications, event.data, decisions[ids[event.data.message_id]]),
        )
        for event in failures
    ]
    await notifications.store.add_escalations(escalations)
    stored = await _decisions(notifications, ids.values())
    records: list[Outgoing] = []
    for event in failures:
        records += await _escalation_records(notifications, event, stored[ids[event.data.message_id]])
    await notifications.kafka.publish(records)


async def _escalation(notifications: Notifications, failed: MessageFailed, decision: Decision) -> Escalated:
    directory = await notifications.store.directory_of_all_partners(failed.kind, [failed.partner_id])
    level = failed.escalation.level if failed.escalation else 0
    partner = directory.partners[failed.partner_id]
    people = directory.people_of(failed.partner_id)
    level, recipients = next_in_chain(level, failed.recipient.address, people, partner)
    occurrence = Occurrence(
        id=computed_id("escalation", failed.message_id),
        source=decision.about.source,
        event_id=decision.about.event_id,
        time=decision.about.time,
        kind=failed.kind,
        partner_id=failed.partner_id,
        data={},
    )
    return Escalated(failed.message_id, level, address_messages(occurrence, recipients))


async def _escalation_records(
    notifications: Notifications, event: Received[MessageFailed], decision: Decision
) -> list[Outgoing]:
    directory = await notifications.store.directory_of_all_partners(event.data.kind, [event.data.partner_id])
    kind = notifications.kinds.get(event.data.kind)
    partner = directory.partners[event.data.partner_id]
    words = notifications.kinds.escalation(partner.language)
    return [
        escalation_record(kind, words, partner, decision, escalated, to, event)
        for escalated in decision.escalations
        if escalated.of_message_id == event.data.message_id
        for to in escalated.to
    ]


async def _decisions(notifications: Notifications, ids: Iterable[str]) -> dict[str, Decision]:
    found = await notifications.store.decisions_by_id_of_all_partners(list(set(ids)))
    return {decision.about.id: decision for decision in found}


def _decision_id(failed: MessageFailed) -> str:
    return computed_id(failed.event.source, failed.event.id, failed.kind, failed.partner_id)


async def keep_people(notifications: Notifications, events: Sequence[Received[ContactChanged]]) -> None:
    """Know who holds which role."""
    await notifications.store.keep_people([event.data for event in events])


async def keep_partners(notifications: Notifications, events: Sequence[Received[PartnerChanged]]) -> None:
    """Know the partners, and tell of the events that waited for them."""
    await notifications.store.keep_partners([event.data for event in events])
    arrived = list({event.data.partner_id for event in events})
    await retry(notifications, await notifications.store.waiting_for_partners(arrived))


async def retry(notifications: Notifications, occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Decide what waited, where that is possible now; returns what still waits. The rest stops once published."""
    undecided: list[Occurrence] = []
    for kind in {one.kind: None for one in occurrences}:
        undecided += await _notify_kind(notifications, kind, [one for one in occurrences if one.kind == kind])
    still = {one.id for one in undecided}
    await notifications.store.stop_waiting([one.id for one in occurrences if one.id not in still])
    return undecided
