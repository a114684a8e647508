"""What became of a message that was requested (A9)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MessageStatus(StrEnum):
    """As the outbox calls them, but that ERROR may be BOUNCED there. WAITING: no outcome was heard of; the outbox tells
    of none that is deleted."""

    WAITING = "WAITING"
    SENT = "SENT"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a message ended last: one that failed may be sent again, and end again."""

    message_id: str
    partner_id: str
    status: MessageStatus
    at: datetime
    reply: str
    """The provider's words; of an ERROR without any, its code."""
