"""From a message's document to the record that says what became of it (B8, B10)."""

from datetime import datetime
from typing import Any

from common.events import MessageFailed, MessageSent, Outgoing, encode_trusted
from common.mongo import Document
from outbox.domain import Answer, Outcome
from outbox.mime import message_id_header

SOURCE = "/outbox"
RECIPIENT = ("address", "name", "person_id", "reasons")


def announcement(
    message: Document, answer: Answer, now: datetime, *, from_address: str, possible_duplicate: bool
) -> Outgoing:
    """The record that announces the end of `message`, which came with `answer`."""
    recipient, attempts = message["recipient"], len(message["attempts"]) + 1
    fields: dict[str, Any] = {
        "message_id": message["_id"],
        "partner_id": message["partner_id"],
        "kind": message["kind"],
        "channel": message["channel"],
        "recipient": {name: recipient[name] for name in RECIPIENT},
        "subject": message["content"]["subject"],
        "order_number": message["order_number"],
        "event": message["event"],
        "escalation": message["escalation"],
        "executed_at": now,
        "attempts": attempts,
        "possible_duplicate": possible_duplicate,
        "provider_reply": answer.reply,
    }
    if is_sent := answer.outcome is Outcome.SENT:
        fields["provider_id"] = message_id_header(message["_id"], from_address)
    else:
        fields["reason"] = answer.outcome.value
    # What is in our own document kept the contract when it came in: checking it again would cost for nothing.
    return encode_trusted(
        MessageSent if is_sent else MessageFailed, message["partner_id"], fields,
        event_id=f"{message['_id']}/{attempts}", source=SOURCE, time=now, trace=message["trace"],
    )  # fmt: skip
