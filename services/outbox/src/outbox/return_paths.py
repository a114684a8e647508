"""Envelope senders that say which attempt of which message they were of (VERP): who reports on it cannot name another.

`bounce+<message id>.<attempt>.<proof>@<domain>`, in small letters, since not every mail server keeps capitals. The
proof is keyed, so nobody makes an address for a message that he did not get.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from outbox.proofs import LETTERS, Proofs

_ID = r"[a-z0-9_-]{1,36}"
_OURS = re.compile(rf"\bbounce\+({_ID})\.([1-9][0-9]{{0,2}})\.({LETTERS})@", re.IGNORECASE)
_FITTING = re.compile(_ID)
MOST_ATTEMPTS = 999
"""With longer ids or numbers the part before the @ would have more than 64 octets (RFC 5321, 4.5.3.1.1)."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The attempt of a message that a report is about."""

    message_id: str
    attempt: int


class ReturnPaths:
    """Makes and reads these addresses."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._proofs = Proofs(keys, "return paths")

    def of(self, message_id: str, attempt: int, domain: str) -> str:
        """The address; empty for an id or number that does not fit into one."""
        if not _FITTING.fullmatch(message_id) or attempt > MOST_ATTEMPTS:
            return ""
        named = f"{message_id}.{attempt}"
        return f"bounce+{named}.{self._proofs.of(named)}@{domain}"

    def read(self, text: str) -> Returned | None:
        """What the first address of ours in `text` says; None when there is none with a good proof."""
        for message_id, attempt, proof in _OURS.findall(text.lower()):
            named = f"{message_id}.{attempt}"
            if self._proofs.is_good(named, proof):
                return Returned(message_id, int(attempt))
        return None
