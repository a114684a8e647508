"""A claimed message on its way through a lane, and how far an attempt came."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from common.mongo import Document
from outbox.mime import Mail

FOR_OTHERS = 1.5
"""A claim lasts so many times as long for others as for whoever made it: their clocks may be ahead of his."""


@dataclass(slots=True)
class Item:
    """A claimed message. `until` is when the claim ends, by the loop's clock; `started_ns` when its attempt began."""

    token: str
    message: Document
    claimed_at: datetime
    until: float
    started_ns: int = 0
    mail: Mail | None = None
    composed_for: int = -1
    """The version of the account that `mail` was composed for."""
    is_asking: bool = False
    """The server had not let us in when it was claimed: nobody knows when it will leave."""


class Reach(Enum):
    """How far an attempt came."""

    INSIDE = auto()
    """The server let us speak."""
    DOOR = auto()
    """It did not let us in."""
    SHARED = auto()
    """It did not let another message's attempt in, and was not asked again."""
    NOWHERE = auto()
    """It was not spoken to: the message was not ready to be sent, or the provider wanted nothing more just then."""


def claim_document(token: str, now: datetime, lease: timedelta) -> Document:
    """A claim as it stands in a message."""
    return {"token": token, "at": now, "until": ends_for_others(now, lease)}


def ends_for_others(now: datetime, lease: timedelta) -> datetime:
    """When a claim that is made or renewed now may be taken back."""
    return now + FOR_OTHERS * lease
