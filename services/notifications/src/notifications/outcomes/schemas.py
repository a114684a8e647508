"""What is read of a message that was sent."""

from datetime import datetime
from typing import ClassVar

from common.events import Event, MessageSent
from common.events.marketplace import Identifier


class Sent(Event):
    """What is kept of a `message.sent`: one comes for each message, and to check all costs seven times as much."""

    TOPIC: ClassVar[str] = MessageSent.TOPIC

    message_id: Identifier
    partner_id: Identifier
    executed_at: datetime
    provider_reply: str = ""
