"""What notifications does with events: decide once, store the decision, publish its messages.

The order matters: a decision is stored before its messages are published, and the offset is committed after that. A
crash in between repeats the batch; the stored decision is then used again, so nobody new is told twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.errors import Poison
from common.events import RECIPIENT_REFUSED, ContactChanged, MessageFailed, Outgoing, PartnerChanged, Received
from common.ids import computed_id
from common.jobs import taking_turns
from common.kafka.connection import Kafka
from common.kafka.dead_letters import set_aside
from notifications.directory import Directory
from notifications.domain import (
    Decision,
    Escalated,
    ForDigest,
    Nobody,
    Occurrence,
    Partner,
    Resolution,
    address_messages,
)
from notifications.kinds.domain import Catalogue, Kind
from notifications.kinds.handlers import Kinds
from notifications.messages import dead_letter, digest_line, escalation_record, message_record
from notifications.outcomes.handlers import keep_outcomes
from notifications.outcomes.storage import Outcomes
from notifications.resolving import next_in_chain, resolve
from notifications.storage import Store

SERVICE = "notifications"


@dataclass
class Notifications:
    """What the use cases work with."""

    store: Store
    outcomes: Outcomes
    kinds: Kinds
    kafka: Kafka
    wait: timedelta


async def notify_all(notifications: Notifications, occurrences: Sequence[Occurrence]) -> None:
    """Tell the right people of every occurrence (A7); those that cannot be decided yet wait (A8)."""
    catalogue = await notifications.kinds.current()
    waiting: list[Occurrence] = []
    for kind, ours in _by_kind(catalogue, occurrences):
        waiting += await _notify_kind(notifications, kind, ours)
    if waiting:
        now = datetime.now(UTC)
        await notifications.store.keep_waiting(waiting, now, now + notifications.wait)


async def notify_each(notifications: Notifications, kind: Kind, occurrences: Sequence[Occurrence]) -> None:
    """The same for occurrences that no subscription stands behind: one that can never be told becomes a dead letter."""
    waiting = await _retry_kind(notifications, kind, occurrences)
    now = datetime.now(UTC)
    await notifications.store.keep_waiting(waiting, now, now + notifications.wait)


def _by_kind(catalogue: Catalogue, occurrences: Sequence[Occurrence]) -> list[tuple[Kind, list[Occurrence]]]:
    return [
        (catalogue.get(kind_id), [one for one in occurrences if one.kind == kind_id])
        for kind_id in dict.fromkeys(one.kind for one in occurrences)
    ]


async def _notify_kind(notifications: Notifications, kind: Kind, occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Decide and publish; returns those that nobody can be told of yet."""
    store = notifications.store
    directory = await store.directory_of_all_partners(kind, (one.partner_id for one in occurrences))
    decisions, undecided = await _decide(directory, occurrences, datetime.now(UTC))
    before = await _decided_before(notifications, directory, undecided)
    most = notifications.kafka.largest
    records = await _records(directory, decisions, most)  # what cannot be put into words is never stored as decided
    stored = await store.keep_decisions(decisions)
    if stored != decisions:
        records = await _records(directory, stored, most)
    await notifications.kafka.publish(records + await _records(directory, before.values(), most))
    return [one for one in undecided if one.id not in before]


async def _decide(
    directory: Directory, occurrences: Sequence[Occurrence], now: datetime
) -> tuple[list[Decision], list[Occurrence]]:
    decisions: dict[str, Decision] = {}
    undecided: list[Occurrence] = []

    def made(place: int, one: Occurrence) -> Decision | None:
        try:
            return _decision(directory, one, now, place)
        except Nobody:
            return None

    found = await taking_turns(made(place, one) for place, one in enumerate(occurrences))
    for one, decision in zip(occurrences, found, strict=True):
        if decision is None:
            undecided.append(one)
        else:
            decisions.setdefault(one.id, decision)
    return list(decisions.values()), undecided


def _decision(directory: Directory, about: Occurrence, now: datetime, place: int) -> Decision:
    """Raises Nobody and Poison. Where the kind is muted nobody has to be there, and the event does not wait."""
    partner = directory.partners.get(about.partner_id)
    if partner is None:
        raise Nobody
    if until := directory.muted_until(about.partner_id, now):
        return Decision(about, (), now, muted_until=until)
    resolution = resolve_for(directory, partner)
    to = address_messages(about.id, resolution.recipients, directory.quiet_until(partner.id, now))
    minutes = directory.of(partner.id).digest_minutes
    digest: ForDigest | None = None
    if minutes and any(one.channel == "email" for one in to):
        subject, intro = digest_line(directory, about, partner)
        order_number = directory.kind.order_number_in(about.data)
        digest = ForDigest(now + timedelta(minutes=minutes), subject, intro, place, order_number=order_number)
    return Decision(about, to, now, left_out=resolution.left_out, digest=digest)


def resolve_for(directory: Directory, partner: Partner) -> Resolution:
    """Who would be told of the directory's kind at this moment, and why. Raises Nobody."""
    entries, people = directory.entries_of(partner.id), directory.people_of(partner.id)
    return resolve(entries, people, partner, directory.closed_to(partner.id), directory.kind.channels)


async def _decided_before(
    notifications: Notifications, directory: Directory, undecided: Iterable[Occurrence]
) -> dict[str, Decision]:
    """What was decided while there still was somebody to tell: that stays so, though there is nobody now."""
    return await _decisions_by_id(notifications, [one.id for one in undecided if one.partner_id in directory.partners])


async def _records(directory: Directory, decisions: Iterable[Decision], most: int) -> list[Outgoing]:
    """Raises Poison where one has more than `most` bytes: no topic would take it, however often it is tried."""
    records = await taking_turns(
        message_record(directory, decision, to) for decision in decisions for to in decision.at_once
    )
    if any(record.size > most for record in records):
        raise Poison("message_too_long", "its words have more bytes than a record may have")
    return records


async def escalate_all(notifications: Notifications, events: Sequence[Received[MessageFailed]]) -> None:
    """Remember every message that could not be delivered, and tell the next in the chain of it, once (A8, A9).

    Failures of messages that are not ours are left alone. Raises Poison for one that we never decided about, or whose
    partner is gone.
    """
    await keep_outcomes(notifications.outcomes, events)
    catalogue = await notifications.kinds.current()
    if any(event.data.kind not in catalogue for event in events):  # perhaps a new one
        catalogue = await notifications.kinds.current(fresh=True)
    ours = [event for event in events if event.data.kind in catalogue]
    await _remember_refused(notifications, ours)
    for kind_id in {event.data.kind: None for event in ours}:
        await _escalate_kind(notifications, catalogue.get(kind_id), [one for one in ours if one.data.kind == kind_id])


async def _remember_refused(notifications: Notifications, events: Sequence[Received[MessageFailed]]) -> None:
    """Addresses of persons are remembered by contacts, and come back as their state; those of nobody are kept here."""
    refused = [
        (event.data.partner_id, event.data.recipient.address, event.data.provider_reply or event.data.reason)
        for event in events
        if event.data.reason == RECIPIENT_REFUSED
        and not event.data.recipient.person_id
        and event.data.channel == "email"
    ]
    await notifications.store.remember_refused(refused, datetime.now(UTC))


async def _escalate_kind(notifications: Notifications, kind: Kind, events: Sequence[Received[MessageFailed]]) -> None:
    store = notifications.store
    directory = await store.directory_of_all_partners(kind, (event.data.partner_id for event in events))
    decided = [_decision_id(event.data) for event in events]
    if (await _decisions_by_id(notifications, decided)).keys() != set(decided):
        raise Poison("unknown_message", "no decision of ours is behind this message")
    if not directory.partners.keys() >= {event.data.partner_id for event in events}:
        raise Poison("unknown_partner", "the partner is gone")
    await store.add_escalations([(_decision_id(event.data), _escalate(directory, event.data)) for event in events])
    stored = await _decisions_by_id(notifications, decided)
    records = await taking_turns(
        escalation_record(directory, decision, escalated, to, event)
        for event in events
        for decision in [stored[_decision_id(event.data)]]
        for escalated in decision.escalations
        if escalated.of_message_id == event.data.message_id
        for to in escalated.to
    )
    await notifications.kafka.publish(records)


def _escalate(directory: Directory, failed: MessageFailed) -> Escalated:
    level = failed.escalation.level if failed.escalation else 0
    people, partner = directory.people_of(failed.partner_id), directory.partners[failed.partner_id]
    closed = directory.closed_to(failed.partner_id)
    level, recipients = next_in_chain(level, failed.recipient.address, people, partner, closed)
    cause_id = computed_id("escalation", failed.message_id)
    return Escalated(failed.message_id, level, address_messages(cause_id, recipients))


async def _decisions_by_id(notifications: Notifications, ids: Iterable[str]) -> dict[str, Decision]:
    wanted = list(set(ids))
    found = await notifications.store.decisions_by_id_of_all_partners(wanted) if wanted else []
    return {decision.about.id: decision for decision in found}


def _decision_id(failed: MessageFailed) -> str:
    return occurrence_id(failed.event.source, failed.event.id, failed.kind, failed.partner_id)


def occurrence_id(source: str, event_id: str, kind: str, partner_id: str) -> str:
    """The id of what an event means for a partner, and of the decision about it: the same whenever it is asked for."""
    return computed_id(source, event_id, kind, partner_id)


async def keep_people(notifications: Notifications, events: Sequence[Received[ContactChanged]]) -> None:
    """Know who holds which role."""
    await notifications.store.keep_people([event.data for event in events])


async def keep_partners(notifications: Notifications, events: Sequence[Received[PartnerChanged]]) -> None:
    """Know the partners, and tell of the events that waited for them."""
    await notifications.store.keep_partners([event.data for event in events])
    arrived = list({event.data.partner_id for event in events})
    await retry(notifications, await notifications.store.waiting_for_partners(arrived))


async def retry(notifications: Notifications, occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Decide what waited, where that is possible now; returns what still waits. The rest stops once published.

    One that can never be told becomes a dead letter, so that it does not hold up those of other partners.
    """
    undecided: list[Occurrence] = []
    for kind, ours in _by_kind(await notifications.kinds.current(), occurrences):
        undecided += await _retry_kind(notifications, kind, ours)
    still = {one.id for one in undecided}
    await notifications.store.stop_waiting([one.id for one in occurrences if one.id not in still])
    return undecided


async def _retry_kind(notifications: Notifications, kind: Kind, occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Halves are tried until the culprit stands alone, as a subscription does."""
    if not occurrences:
        return []
    try:
        return await _notify_kind(notifications, kind, occurrences)
    except Poison as poison:
        if len(occurrences) == 1:
            await give_up(notifications, occurrences, poison)
            return []
    middle = len(occurrences) // 2
    return [
        *await _retry_kind(notifications, kind, occurrences[:middle]),
        *await _retry_kind(notifications, kind, occurrences[middle:]),
    ]


async def give_up(notifications: Notifications, occurrences: Iterable[Occurrence], poison: Poison) -> None:
    """Make dead letters of events that waited; they stop waiting once these are published."""
    occurrences = list(occurrences)
    for kind, ours in _by_kind(await notifications.kinds.current(), occurrences):
        letters = [dead_letter(kind, one, poison) for one in ours]
        await set_aside(notifications.kafka, kind.topic, SERVICE, letters)
    await notifications.store.stop_waiting([one.id for one in occurrences])
