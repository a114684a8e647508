"""What outbox publishes: what became of a message (B8, B10)."""

from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from common.events.envelope import Event
from common.events.marketplace import Identifier, Number
from common.events.notifications import Escalation, EventRef, MessageChannel, OrderNumbersField, Recipient

RECIPIENT_REFUSED = "recipient_refused"
"""The `reason` of a failure that says: this address will never take mail."""

_FINISHED: dict[str, Any] = {
    "message_id": "0b0f6f0e-7d8e-5d5c-9d55-0d8b8c6f2d11",
    "partner_id": "prt_7f3k2m",
    "kind": "order.created",
    "channel": "email",
    "recipient": {
        "address": "zofia.nowak@czajnik.example",
        "name": "Zofia Nowak",
        "reasons": ["holds the role manager"],
    },
    "subject": "New order PL-2026-000123",
    "order_number": "PL-2026-000123",
    "event": {"source": "/marketplace/orders", "id": "e-1", "time": "2026-11-23T10:15:00Z"},
    "executed_at": "2026-11-23T10:15:00.140Z",
    "attempts": 1,
}


class MessageFinished(Event):
    """What success and final failure have in common."""

    message_id: Identifier
    partner_id: Identifier
    kind: Identifier
    channel: MessageChannel
    recipient: Recipient
    subject: str = ""
    order_number: Number | None = None
    order_numbers: list[Number] = OrderNumbersField
    event: EventRef
    escalation: Escalation | None = None
    executed_at: datetime
    attempts: int = Field(ge=0)
    possible_duplicate: bool = Field(
        default=False, description="True when an earlier attempt's answer was lost, so the provider may have it twice."
    )

    def key(self) -> str:
        return self.partner_id


class MessageSent(MessageFinished):
    """The provider accepted the message."""

    TOPIC: ClassVar[str] = "message.sent"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        _FINISHED | {"provider_reply": "250 2.0.0 Ok: queued as 4Q9", "provider_id": "<0b0f6f0e@switchboard>"}
    ]

    provider_reply: str = ""
    provider_id: str = ""


class MessageFailed(MessageFinished):
    """The message ended in ERROR: permanently refused, or tried for too long. Or it was sent and came back: BOUNCED."""

    TOPIC: ClassVar[str] = "message.failed"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        _FINISHED | {"reason": "recipient_refused", "provider_reply": "550 5.1.1 no such mailbox"}
    ]

    reason: str = Field(
        description="A stable code: recipient_refused, message_refused, account_refused, expired, bounced, ..."
    )
    provider_reply: str = Field(default="", description="The provider's own words.")
