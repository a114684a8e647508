"""When a partner's people are not to be woken by an SMS (A6)."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From a time of the day (whole minutes) until another, in a time zone; over midnight where `until` is the earlier.

    What counts is what a clock there shows: also in the night in which an hour is skipped, or comes twice.
    """

    start: time
    until: time
    time_zone: str

    def ends(self, now: datetime) -> datetime | None:
        """When the quiet that `now` falls into is over; None when it falls into none."""
        return _end(self, now.astimezone(UTC).replace(second=0, microsecond=0))

    def are_at(self, clock: time) -> bool:
        if self.start <= self.until:
            return self.start <= clock < self.until
        return clock >= self.start or clock < self.until


@lru_cache(maxsize=10_000)
def _end(hours: QuietHours, minute: datetime) -> datetime | None:
    """Minute by minute, since the clock may jump at any. Kept: all events of a partner in a minute ask for the same."""
    zone, moment = ZoneInfo(hours.time_zone), minute
    while hours.are_at(moment.astimezone(zone).time()):
        moment += _MINUTE
    return moment if moment > minute else None
