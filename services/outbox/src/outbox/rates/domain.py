"""How many messages an account may send, over all replicas together. No I/O."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """What an account's provider allows: so many in a second, on average, and so many in a day (UTC). None: any."""

    per_second: float | None = None
    per_day: int | None = None

    def __bool__(self) -> bool:
        return self.per_second is not None or self.per_day is not None


ANY_RATE = Rate()


@dataclass(frozen=True, slots=True)
class Permits:
    """The right to try `count` messages; more can be asked for at `more_at`."""

    count: int
    more_at: datetime


def next_day(now: datetime) -> datetime:
    """When a day's allowance begins anew."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
