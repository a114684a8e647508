"""From a message's document to the record that says what became of it (B8, B10)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.events import MessageFailed, MessageSent, Outgoing, encode_trusted
from common.mongo import Document
from outbox.domain import Outcome, orders_of

SOURCE = "/outbox"
RECIPIENT = ("address", "name", "person_id", "reasons")


@dataclass(frozen=True, slots=True)
class Fact:
    """How a message ended: what its document does not say of itself."""

    message_id: str
    reason: Outcome
    provider_id: str
    trace: str | None


def record_of(fact: Fact, message: Document, attempts: int, at: datetime, reply: str, *, also: str = "") -> Outgoing:
    """The record that announces the end of `message` with its last attempt at that time.

    `also` names what became of the same attempt later, which is another event.
    """
    recipient = message["recipient"]
    fields: dict[str, Any] = {
        "message_id": message["_id"],
        "partner_id": message["partner_id"],
        "kind": message["kind"],
        "channel": message["channel"],
        "recipient": {name: recipient[name] for name in RECIPIENT},
        "subject": message["content"]["subject"],
        **orders_of(message["order_number"]),
        "event": message["event"],
        "escalation": message["escalation"],
        "executed_at": at,
        "attempts": attempts,
        "possible_duplicate": message["possible_duplicate"],
        "provider_reply": reply,
    }
    if is_sent := fact.reason is Outcome.SENT:
        fields["provider_id"] = fact.provider_id
    else:
        fields["reason"] = fact.reason.value
    # What is in our own document kept the contract when it came in: checking it again would cost for nothing.
    return encode_trusted(
        MessageSent if is_sent else MessageFailed, message["partner_id"], fields,
        event_id=f"{message['_id']}/{attempts}{also}", source=SOURCE, time=at, trace=fact.trace,
    )  # fmt: skip
