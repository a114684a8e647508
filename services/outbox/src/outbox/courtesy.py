"""While something more urgent comes in, less urgent messages are claimed at a pace that leaves time for it.

An order leaves at once if there is a free connection, and if neither the database nor this process is busy. A campaign
as fast as it can go takes all three.
"""

import asyncio
from collections.abc import Callable
from math import ceil

from outbox.due import LAST

LASTS_SECONDS = 1.0
"""So long after the last urgent message."""
APART_SECONDS = 0.05
"""Claims of what steps back are so far apart, so that each is worth its price."""
MOST_SHARES = 20
"""Among so many accounts a claim is divided at the most: each of them is another search."""


class Courtesy:
    """`per_second`: how many messages that step back are claimed, at most."""

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._rank, self._until, self._next = LAST, 0.0, 0.0
        self._shares = 1
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

    def share(self, portion: int) -> int:
        """How much of a portion may be claimed of one account: a campaign has all of it in one, or a message in each of
        very many."""
        return ceil(portion / self._shares)

    def took(self, asked: int, count: int) -> None:
        """So many of them were claimed, of accounts that were asked for `asked`."""
        self._next = asyncio.get_running_loop().time() + max(count / self._per_second, APART_SECONDS)
        if count == asked:
            self._shares = max(1, self._shares // 2)
        elif count < asked / 2:
            self._shares = min(MOST_SHARES, self._shares * 2)

    def call_when_due(self, wake: Callable[[], None]) -> None:
        """Call `wake` when there may be more."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._next, wake) if self._next > loop.time() else None
