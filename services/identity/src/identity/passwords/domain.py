"""Who has a password checked next, when more want to than can. No I/O."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.errors import Unavailable

T = TypeVar("T")


class TooManySignIns(Unavailable):
    """503: nothing was looked up, and no try was used. It says when whoever waits now is through."""

    code, title = "too-many-sign-ins", "Very many people sign in at the moment"

    def __init__(self, seconds: float) -> None:
        whole = math.ceil(seconds)
        super().__init__(f"Send the same request again in {whole} s.", retry_after=whole)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many passwords are checked at the same time, how many more wait, and for how long."""

    at_once: int
    waiting: int
    wait_seconds: float


class Turns(Generic[T]):
    """Those who wait: one of each source after the other, however many of a source there are.

    When `most` wait, whoever comes takes the place of the last one of the source that has the most. So a storm from
    one place keeps nobody out who comes from another.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[str, deque[T]] = {}
        """The source whose turn is next comes first."""

    def add(self, source: str, one: T) -> T | None:
        """Let one wait. Returns who has to go then, which may be the same."""
        self._waiting.setdefault(source, deque()).append(one)
        if sum(map(len, self._waiting.values())) <= self._most:
            return None
        largest = max(self._waiting, key=lambda other: (len(self._waiting[other]), other == source))
        last = self._waiting[largest][-1]
        self.remove(largest, last)
        return last

    def remove(self, source: str, one: T) -> None:
        """He waits no more."""
        self._waiting[source].remove(one)
        if not self._waiting[source]:
            del self._waiting[source]

    def next(self) -> T | None:
        """Whose turn it is; he waits no more, and his source goes to the end. None when nobody waits."""
        if not self._waiting:
            return None
        source = next(iter(self._waiting))
        one = self._waiting[source][0]
        self.remove(source, one)
        if source in self._waiting:
            self._waiting[source] = self._waiting.pop(source)
        return one
