"""From a decision to the record that requests its message; from what cannot be decided to its dead letter."""

from common.errors import Poison
from common.events import (
    CampaignLaunched,
    Content,
    Escalation,
    EventRef,
    MessageFailed,
    MessageRequested,
    Outgoing,
    Received,
    Recipient,
    encode,
)
from common.kafka.dead_letters import DeadLetter, StoredRecord
from notifications.domain import Addressed, Decision, Escalated, Occurrence, Partner
from notifications.kinds import Kind, Templates
from notifications.models import MODELS

SOURCE = "/notifications"


def render(kind: Kind, partner: Partner, decision: Decision, to: Addressed) -> Content:
    """The words of a decision's message to one recipient."""
    return kind.render(partner.language, data=decision.about.data, partner=partner, recipient=to)


def message_record(kind: Kind, partner: Partner, decision: Decision, to: Addressed) -> Outgoing:
    """The message to one recipient of a decision."""
    return _record(kind, decision, to, render(kind, partner, decision, to), None, decision.about.trace)


def escalation_record(
    kind: Kind, words: Templates, partner: Partner, decision: Decision, escalated: Escalated, to: Addressed,
    failed: Received[MessageFailed],
) -> Outgoing:  # fmt: skip
    """The message to who stands in, because the one to `failed` could not be delivered; with its original words."""
    about = failed.data.recipient
    first = Addressed(failed.data.message_id, about.address, about.name, about.person_id, tuple(about.reasons))
    original = render(kind, partner, decision, first)
    failure = {"address": about.address, "reply": failed.data.provider_reply or failed.data.reason}
    content = words.render(failed=failure, original=original)
    escalation = Escalation(level=escalated.level, of_message_id=escalated.of_message_id)
    return _record(kind, decision, to, content, escalation, failed.trace)


def dead_letter(about: Occurrence, poison: Poison) -> DeadLetter:
    """The event as its publisher could have sent it for this partner alone, so that it can be replayed."""
    own = {"partner_ids": [about.partner_id]} if about.kind == CampaignLaunched.TOPIC else {}
    data = MODELS[about.kind].model_validate({**about.data, **own}, strict=False)
    record = encode(data, event_id=about.event_id, source=about.source, time=about.time, trace=about.trace)
    return DeadLetter(StoredRecord.of(record), poison)


def _record(
    kind: Kind, decision: Decision, to: Addressed, content: Content, escalation: Escalation | None, trace: str | None
) -> Outgoing:
    about = decision.about
    message = MessageRequested(
        message_id=to.message_id,
        partner_id=about.partner_id,
        kind=about.kind,
        recipient=Recipient(address=to.address, name=to.name, person_id=to.person_id, reasons=list(to.reasons)),
        content=content,
        order_number=kind.order_number_in(about.data),
        priority=kind.priority,
        event=EventRef(source=about.source, id=about.event_id, time=about.time),
        escalation=escalation,
    )
    return encode(message, event_id=to.message_id, source=SOURCE, trace=trace)
