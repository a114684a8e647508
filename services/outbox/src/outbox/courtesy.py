"""While something more urgent comes in, less urgent messages are claimed at a pace that leaves time for it.

An order leaves at once if there is a free connection, and if neither the database nor this process is busy. A campaign
as fast as it can go takes all three.
"""

import asyncio
from collections.abc import Callable

from outbox.due import LAST

LASTS_SECONDS = 1.0
"""So long after the last urgent message."""
APART_SECONDS = 0.05
"""Claims of what steps back are so far apart, so that each is worth its price."""


class Courtesy:
    """`per_second`: how many messages that step back are claimed, at most."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._rank, self._until, self._next = LAST, 0.0, 0.0
        self._timer: asyncio.TimerHandle | None = None

    def came_in(self, rank: int) -> None:
        """A message of this rank may leave now. The lower it is, the more urgent."""
        now = asyncio.get_running_loop().time()
        if rank <= self._rank or now >= self._until:
            self._rank, self._until = rank, now + LASTS_SECONDS

    @property
    def rank(self) -> int:
        """What is less urgent than this steps back."""
        return self._rank if asyncio.get_running_loop().time() < self._until else LAST

    @property
    def portion(self) -> int:
        """How many that step back may be claimed now."""
        is_due = asyncio.get_running_loop().time() >= self._next
        return max(1, round(self._per_second * APART_SECONDS)) if is_due else 0

    def took(self, count: int, wake: Callable[[], None]) -> None:
        """So many of them are claimed; `wake` is called when there may be more."""
        loop = asyncio.get_running_loop()
        if count:
            self._next = loop.time() + count / self._per_second
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._next, wake) if self._next > loop.time() else None
