"""What notifications, identity (and later crm) publish: a message that somebody must receive."""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from common.events.envelope import Event
from common.events.marketplace import Attachments, Identifier, Number

Channel = Literal["email", "sms"]
"""What a kind of notification is sent on."""
MessageChannel = Literal["email", "sms", "whatsapp", "viber", "fax"]
"""What a message can leave by."""


OrderNumbersField: list[str] = Field(
    default_factory=lambda: [],
    max_length=200,
    description="Of a message about many events (a digest): their orders; `order_number` is null then.",
)


def _with_zone(time: datetime) -> datetime:
    """A time without a zone is one in UTC, as in an event's envelope: nothing can be compared with it otherwise."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class EventRef(Event):
    """The event that a message is about: CloudEvents `source` and `id`."""

    source: str
    id: str
    time: Annotated[datetime, AfterValidator(_with_zone)] = Field(
        description="When the event was published; delivery time is measured from here."
    )


class Recipient(Event):
    """Whom a message is for, and why (A9)."""

    address: str = Field(min_length=3, max_length=320, description="E-mail address, or phone in E.164.")
    name: str = ""
    person_id: str | None = None
    reasons: list[str] = Field(description="Why this one, in words: 'holds the role manager', ...")


class Content(Event):
    """What the message says. A channel takes what it can show."""

    subject: str = Field(default="", max_length=500)
    text: str = Field(max_length=400_000)
    html: str = Field(default="", max_length=800_000)


class Escalation(Event):
    """Set when the message stands in for one that could not be delivered (A8)."""

    level: int = Field(ge=1, le=2, description="1: to the manager, 2: to the owner. There is no 3.")
    of_message_id: str = Field(description="The message that failed.")


class MessageRequested(Event):
    """Send this to that recipient. `message_id` is computed from event, kind, channel and recipient, so that asking
    twice is asking once."""

    TOPIC: ClassVar[str] = "message.requested"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "message_id": "0b0f6f0e-7d8e-5d5c-9d55-0d8b8c6f2d11",
            "partner_id": "prt_7f3k2m",
            "kind": "order.created",
            "channel": "email",
            "recipient": {
                "address": "zofia.nowak@czajnik.example",
                "name": "Zofia Nowak",
                "person_id": "per_8h2n5c",
                "reasons": ["holds the role manager"],
            },
            "content": {"subject": "New order PL-2026-000123", "text": "You have a new order.", "html": ""},
            "order_number": "PL-2026-000123",
            "event": {"source": "/marketplace/orders", "id": "e-1", "time": "2026-11-23T10:15:00Z"},
        }
    ]

    message_id: Identifier
    partner_id: Identifier
    kind: Identifier = Field(description="The kind of notification, e.g. order.created.")
    channel: MessageChannel = "email"
    recipient: Recipient
    content: Content
    order_number: Number | None = None
    order_numbers: list[Number] = OrderNumbersField
    priority: int = Field(default=5, ge=0, le=9, description="0 leaves first.")
    event: EventRef
    escalation: Escalation | None = None
    not_before: AwareDatetime | None = Field(default=None, description="It leaves then at the earliest (quiet hours).")
    unsubscribe_url: str | None = Field(
        default=None, max_length=2_000, description="For `List-Unsubscribe` (RFC 8058); null: nobody unsubscribes."
    )
    attachments: Attachments = Field(default_factory=lambda: [], description="Files that go with a mail (B12).")

    def key(self) -> str:
        return self.partner_id
