"""What may be done to a dead letter. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

from common.errors import Conflict, NotFound


class LetterStatus(StrEnum):
    """Open until somebody replays or discards it; then it is closed for good."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class SetAside:
    """Why a record was set aside: `reason` is a stable code, `detail` says more, never contents."""

    reason: str
    detail: str


class DeadLetterUnknown(NotFound):
    """There is none of this id, or it was forgotten."""

    code, title = "dead-letter-unknown", "There is no such dead letter"


class BeingReplayed(Conflict):
    """Somebody claimed it a moment ago."""

    code, title = "being-replayed", "The dead letter is being replayed"


class WasDiscarded(Conflict):
    """Somebody decided that it will not be replayed."""

    code, title = "was-discarded", "The dead letter was discarded"


class WasReplayed(Conflict):
    """It is in its topic again, and cannot be taken back."""

    code, title = "was-replayed", "The dead letter was replayed"
