"""From a decision to the record that requests its message; from what cannot be decided to its dead letter."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from markupsafe import Markup

from common.errors import Poison
from common.events import (
    ONLY_FOR,
    Channel,
    Content,
    Escalation,
    EventRef,
    MessageFailed,
    MessageRequested,
    Outgoing,
    Received,
    Recipient,
    encode,
    encode_open,
)
from common.kafka.dead_letters import DeadLetter, StoredRecord
from notifications import words
from notifications.directory import Directory
from notifications.domain import Addressed, Decision, Escalated, Occurrence, Partner
from notifications.kinds.domain import FALLBACK, OWN_WORDS, Kind, Words, shortened

T = TypeVar("T")

SOURCE = "/notifications"
MOST_LINES = 200
"""Events in a digest. With the longest of them it is still a message that can be sent, and escalated."""
LONGEST_INTRO = 300


def values_for(about: Occurrence, partner: Partner, to: Addressed, unsubscribe_url: str) -> dict[str, Any]:
    """What templates may name."""
    return {
        "data": about.data,
        "partner": {"id": partner.id, "name": partner.name},
        "recipient": {"name": to.name, "address": to.address},
        "unsubscribe_url": unsubscribe_url,
    }


def render(directory: Directory, decision: Decision, to: Addressed, unsubscribe_url: str = "") -> Content:
    """The words of a decision's message to one recipient; without a link where others read them. Raises Poison."""
    if decision.lines:
        return _render_digest(directory, decision, to)
    about, kind = decision.about, directory.kind
    partner = directory.partners[about.partner_id]
    language = kind.language_for(about.data, partner.language)
    values = values_for(about, partner, to, unsubscribe_url)
    own = directory.of(partner.id).words.get(language, OWN_WORDS)
    return _in_own_words(own, lambda words: kind.render(to.channel, language, values, words))


def _in_own_words(own: Words, made: Callable[[Words], T]) -> T:
    """In what a partner wrote; where that cannot be filled with this event, in the kind's words: his mistake keeps none
    of his people from being told, and does not count as poison, too much of which stops everybody. Raises Poison."""
    if own != OWN_WORDS:
        with suppress(Poison):
            return made(own)
    return made(OWN_WORDS)


def _render_digest(directory: Directory, decision: Decision, to: Addressed) -> Content:
    partner = directory.partners.get(decision.about.partner_id)  # it may be gone since; its people are told though
    language = directory.kind.language_for({}, partner.language if partner else FALLBACK)
    lines = [{"subject": one.subject, "intro": one.intro} for one in decision.lines if to.address.casefold() in one.to]
    values = {"name": directory.kind.name_in(language), "events": lines, "count": len(lines)}
    return words.digest(language).email(values)


def digest_line(directory: Directory, about: Occurrence, partner: Partner) -> tuple[str, str]:
    """Subject and intro that stand for an event in a digest, which is for nobody in particular. Raises Poison."""
    language = directory.kind.language_for(about.data, partner.language)
    own = directory.of(partner.id).words.get(language, OWN_WORDS)
    values = values_for(about, partner, Addressed("", "", "", None, ()), "")
    content = _in_own_words(own, lambda words: directory.kind.templates[language].line(values, words))
    return content[0], shortened(content[1], LONGEST_INTRO)


def message_record(directory: Directory, decision: Decision, to: Addressed) -> Outgoing:
    """The message to one recipient of a decision."""
    url = directory.unsubscribe_url(decision.about.partner_id, to)
    content = render(directory, decision, to, url)
    orders = decision.orders_told_to(to.address)
    return _record(directory.kind, decision, to, content, orders, None, decision.about.trace, url)


def escalation_record(
    directory: Directory, decision: Decision, escalated: Escalated, to: Addressed, failed: Received[MessageFailed]
) -> Outgoing:
    """The message to who stands in, because the one to `failed` could not be delivered; with its original words."""
    about = failed.data.recipient
    channel: Channel = "sms" if failed.data.channel == "sms" else "email"
    first = Addressed(failed.data.message_id, about.address, about.name, about.person_id, tuple(about.reasons), channel)
    original = render(directory, decision, first)
    values: Mapping[str, Any] = {
        "failed": {"address": about.address, "reply": failed.data.provider_reply or failed.data.reason},
        # Its html was escaped when it was made.
        "original": {"subject": original.subject, "text": original.text, "html": Markup(original.html)},  # noqa: S704
    }
    content = words.escalation(directory.partners[failed.data.partner_id].language).email(values)
    escalation = Escalation(level=escalated.level, of_message_id=escalated.of_message_id)
    orders = decision.orders_told_to(first.address)
    return _record(directory.kind, decision, to, content, orders, escalation, failed.trace)


def dead_letter(kind: Kind, about: Occurrence, poison: Poison) -> DeadLetter:
    """The event as its publisher could have sent it for this partner alone, so that it can be replayed. One that
    concerns many says whom it is for: it was taken to the others already, and is not again."""
    record = encode_open(
        kind.topic, kind.type, about.partner_id, kind.audience.only(about.data, about.partner_id),
        event_id=about.event_id, source=about.source, time=about.time, trace=about.trace,
    )  # fmt: skip
    if kind.audience.is_wide:
        record.headers.append((f"ce_{ONLY_FOR}", about.partner_id.encode()))
    return DeadLetter(StoredRecord.of(record), poison)


def _record(
    kind: Kind,
    decision: Decision,
    to: Addressed,
    content: Content,
    order_numbers: list[str],
    escalation: Escalation | None,
    trace: str | None,
    unsubscribe_url: str = "",
) -> Outgoing:
    about = decision.about
    # Not with an escalation: its message may have failed because of them, and says whom to ask.
    has_files = to.channel == "email" and not decision.lines and escalation is None
    message = MessageRequested(
        message_id=to.message_id,
        partner_id=about.partner_id,
        kind=about.kind,
        channel=to.channel,
        recipient=Recipient(address=to.address, name=to.name, person_id=to.person_id, reasons=list(to.reasons)),
        content=content,
        order_number=kind.order_number_in(about.data),
        order_numbers=order_numbers,
        priority=kind.priority,
        event=EventRef(source=about.source, id=about.event_id, time=about.time),
        escalation=escalation,
        not_before=to.not_before,
        unsubscribe_url=unsubscribe_url or None,
        attachments=kind.attachments_in(about.data) if has_files else [],
    )
    return encode(message, event_id=to.message_id, source=SOURCE, trace=trace)
