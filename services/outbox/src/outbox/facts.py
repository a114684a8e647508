"""From a message's document to the event that says what became of it (B8, B10)."""

from datetime import datetime
from typing import Any

from common.events import Escalation, EventRef, MessageFailed, MessageSent, Outgoing, Recipient, encode
from common.ids import computed_id
from common.mongo import Document
from outbox.domain import Answer, Outcome
from outbox.mime import message_id_header

SOURCE = "/outbox"


def fact_of(message: Document, answer: Answer, now: datetime, trace: str | None, from_address: str) -> Document:
    """What to announce of a finished message; kept in its document until it is published."""
    attempts = len(message["attempts"]) + 1
    topic = MessageSent.TOPIC if answer.outcome is Outcome.SENT else MessageFailed.TOPIC
    return {
        "id": computed_id(message["_id"], topic, str(attempts)),
        "topic": topic,
        "at": now,
        "attempts": attempts,
        "reason": answer.outcome.value,
        "reply": answer.reply,
        "provider_id": message_id_header(message["_id"], from_address) if from_address else "",
        "trace": trace,
    }


def record_of(message: Document, fact: Document) -> Outgoing:
    """The record that announces `fact`."""
    recipient = message["recipient"]
    common: dict[str, Any] = {
        "message_id": message["_id"],
        "partner_id": message["partner_id"],
        "kind": message["kind"],
        "channel": message["channel"],
        "recipient": Recipient.model_construct(
            address=recipient["address"],
            name=recipient["name"],
            person_id=recipient["person_id"],
            reasons=recipient["reasons"],
        ),
        "subject": message["content"]["subject"],
        "order_number": message["order_number"],
        "event": EventRef.model_construct(**message["event"]),
        "escalation": Escalation(**message["escalation"]) if message["escalation"] else None,
        "executed_at": fact["at"],
        "attempts": fact["attempts"],
        "possible_duplicate": message["possible_duplicate"],
        "provider_reply": fact["reply"],
    }
    # What is in our own document kept the contract when it came in: checking it again would cost for nothing.
    if fact["topic"] == MessageSent.TOPIC:
        event = MessageSent.model_construct(**common, provider_id=fact["provider_id"])
    else:
        event = MessageFailed.model_construct(**common, reason=fact["reason"])
    return encode(event, event_id=fact["id"], source=SOURCE, time=fact["at"], trace=fact["trace"])
