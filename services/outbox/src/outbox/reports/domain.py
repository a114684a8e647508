"""What mail servers and gateways report of messages that they had accepted, and what follows from it. No I/O."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.errors import Problem
from outbox.domain import MOST_WORDS, Outcome, whole

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_ADDRESS_IS_WRONG = re.compile(r"5\.1\.(?!7$|8$)")
"""RFC 3463: x.1 is about addresses, of which 7 and 8 are the sender's."""
CLASSES = ("other", "address", "mailbox", "system", "network", "protocol", "content", "policy")
"""What the second number of an RFC 3463 status is about."""


class Verdict(StrEnum):
    """What a report says. DELIVERED and FAILED are final: the first of them stays."""

    DELIVERED = "delivered"
    PENDING = "pending"
    FAILED = "failed"


FINAL = (Verdict.DELIVERED, Verdict.FAILED)


class Ignored(StrEnum):
    """Why nothing follows from what came."""

    AUTO_REPLY = "auto_reply"
    NO_REPORT = "no_report"
    NOT_OURS = "not_ours"
    """It names no message of ours, or cannot prove it."""
    UNREADABLE = "unreadable"
    GONE = "gone"
    """The message was deleted meanwhile."""
    UNMATCHED = "unmatched"
    """No message with that id came up in time."""


class ReportTooLarge(Problem):
    """413: more bytes than the operator lets come."""

    status, code, title = 413, "report-too-large", "The report is too large"


class SignatureWrong(Problem):
    """401: nothing is said about what exists and what does not."""

    status, code, title = 401, "signature-wrong", "The signature is wrong"


class TooManyReports(Problem):
    """429: more reports a minute than the operator lets come from one place."""

    status, code, title = 429, "too-many-reports", "Too many reports"


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported: `code` is an RFC 3463 status or a gateway's own, `words` are the reporter's."""

    verdict: Verdict
    at: datetime
    code: str
    words: str

    @property
    def reason(self) -> Outcome:
        """Of a failure: whether the address takes no mail at all (A8)."""
        return Outcome.RECIPIENT_REFUSED if _ADDRESS_IS_WRONG.match(self.code) else Outcome.BOUNCED

    @property
    def subject(self) -> str:
        """One of CLASSES."""
        found = re.match(r"[245]\.([1-7])\.", self.code)
        return CLASSES[int(found.group(1))] if found else CLASSES[0]


@dataclass(frozen=True, slots=True)
class About:
    """Which attempt of which message is meant: of a mail by its number, of a text by what the gateway calls it."""

    partner_id: str
    channel: str
    message_id: str = ""
    attempt: int = 0
    account_id: str = ""
    provider_id: str = ""

    def position(self, attempts: Sequence[Mapping[str, Any]]) -> int | None:
        """Where it stands in `attempts`; None: it is not known yet how it ended."""
        if self.attempt:
            return self.attempt - 1 if self.attempt <= len(attempts) else None
        ids = [one.get("provider_id") for one in attempts]
        if self.provider_id in ids:
            return ids.index(self.provider_id)
        # Sent by an attempt whose answer was lost: the next was told so, but not the id.
        return len(ids) - 1 if ids and ids[-1] == "" else None


@dataclass
class Budget:
    """How many reports one place may send: `per_minute`, and as many at once."""

    per_minute: int
    _left: dict[str, tuple[float, float]] = field(default_factory=lambda: {})

    def take(self, place: str, now: float, count: int = 1) -> None:
        """Count so many; `now` are seconds of a clock that never goes back. Raises TooManyReports."""
        left, at = self._left.get(place, (float(self.per_minute), now))
        left = min(float(self.per_minute), left + (now - at) * self.per_minute / 60)
        if left < min(count, self.per_minute):
            raise TooManyReports("Send it again later.", retry_after=60 // self.per_minute + 1)
        self._left[place] = (left - count, now)


def in_words(text: str) -> str:
    """`text` of somebody else as it can be kept and shown."""
    return _CONTROL.sub(" ", whole(text)).strip()[:MOST_WORDS]
