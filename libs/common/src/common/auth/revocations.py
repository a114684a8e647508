"""Whose tokens are refused though they have not expired: what every process keeps of the topic `access.revoked`."""

import time

from common.events.identity import AccessRevoked

EVERY_VERSION = 2**63


class Revocations:
    """The topic in memory; whatever no living token can be of is forgotten again.

    `is_known` once everything that was there at the start has been read.
    """

    def __init__(self) -> None:
        self.is_known = False
        self._least: dict[str, tuple[int, float]] = {}
        """Subject → the least version of a token that is good, and when that was heard; the oldest first."""
        self._last_record = self._heard = float("-inf")

    def apply(self, state: AccessRevoked) -> None:
        """Take a state of the topic; older ones than what is known are ignored."""
        now = self._last_record = time.monotonic()
        known = self._least.get(state.subject)
        least = EVERY_VERSION if state.deleted else state.version
        if state.subject == AccessRevoked.HEARTBEAT or (known is not None and known[0] >= least):
            return
        self._least.pop(state.subject, None)
        self._least[state.subject] = (least, now)
        while (oldest := next(iter(self._least))) and now - self._least[oldest][1] > AccessRevoked.KEPT_SECONDS:
            del self._least[oldest]

    def at_end(self) -> None:
        """Say that nothing is left unread: the last record, which is no older than a heartbeat, is news."""
        self.is_known = True
        self._heard = self._last_record

    def refuse(self, subject: str, version: int) -> bool:
        """True when tokens of this version of the subject (a user, machine or session) are not good any more."""
        known = self._least.get(subject)
        return known is not None and version < known[0]

    def silence(self) -> float:
        """Seconds since the topic was last known to be complete."""
        return time.monotonic() - self._heard
