"""When a partner's people are not to be woken by an SMS (A6)."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From a time of the day until another, in a time zone; over midnight where `until` is the earlier one."""

    start: time
    until: time
    time_zone: str

    def ends(self, now: datetime) -> datetime | None:
        """When the quiet that `now` falls into is over; None when it falls into none."""
        zone = ZoneInfo(self.time_zone)
        here = now.astimezone(zone)
        for days in (-1, 0):  # the quiet may have begun yesterday
            begin = datetime.combine(here.date() + timedelta(days=days), self.start, zone)
            end_day = begin.date() + timedelta(days=self.until <= self.start)
            end = datetime.combine(end_day, self.until, zone)
            if begin.timestamp() <= now.timestamp() < end.timestamp():
                return end.astimezone(UTC)
        return None
