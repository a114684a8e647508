"""The audit log: what is in an entry, how entries are chained, and what shows that somebody changed them. No I/O.

Each partner has a chain of its own. The hash of an entry is over all that it says, its place, and the hash of the entry
before; where each entry stands is announced in a topic that is never forgotten (the seals). Without the seals a chain
that was made anew, or cut off at its end, would look whole.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

BEFORE_THE_FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Fact:
    """Who did what, when, from where, and what came of it. `at` is in milliseconds, as the database keeps it."""

    id: str
    partner_id: str
    at: datetime
    user_id: str
    actor: Mapping[str, str] | None
    session_id: str | None
    network: str | None
    service: str
    action: str
    target: Mapping[str, str]
    details: Mapping[str, list[str]]
    outcome: str
    status: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact at its place in the log of its partner."""

    fact: Fact
    sequence: int
    previous: str
    hash: str

    @classmethod
    def after(cls, last: "Entry | None", fact: Fact) -> "Entry":
        """The entry of `fact` behind the last one."""
        sequence, previous = (last.sequence + 1, last.hash) if last else (1, BEFORE_THE_FIRST)
        return cls(fact, sequence, previous, hash_of(fact, sequence, previous))


def hash_of(fact: Fact, sequence: int, previous: str) -> str:
    """SHA-256 of the entry as JSON: names sorted, no spaces, UTF-8, the time in ISO 8601 with milliseconds in UTC."""
    said: dict[str, Any] = {name: getattr(fact, name) for name in Fact.__slots__}
    said |= {"at": written(fact.at), "sequence": sequence, "previous": previous}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def written(at: datetime) -> str:
    """How a time stands in what is hashed, and in exports."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


class Wrong(StrEnum):
    """What may be wrong with a log."""

    MISSING = "missing"
    CHANGED = "changed"
    OUT_OF_ORDER = "out of order"
    CUT_OFF = "cut off"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something is wrong at this place of a partner's log."""

    partner_id: str
    sequence: int
    wrong: Wrong


@dataclass
class Check:
    """Goes through the log of a partner by sequence, and holds it against its seals (place → hash)."""

    partner_id: str
    seals: Mapping[int, str]
    _expected: int = 1
    _previous: str = field(default=BEFORE_THE_FIRST)

    def take(self, entry: Entry) -> Iterator[Flaw]:
        """What is wrong with the next entry, and with the places that should have come before it."""
        if entry.sequence < self._expected:
            yield self._flaw(entry.sequence, Wrong.OUT_OF_ORDER)
            return
        yield from (self._flaw(place, Wrong.MISSING) for place in range(self._expected, entry.sequence))
        is_gap = entry.sequence > self._expected
        is_true = entry.hash == hash_of(entry.fact, entry.sequence, entry.previous)
        is_sealed = self.seals.get(entry.sequence, entry.hash) == entry.hash
        if entry.fact.partner_id != self.partner_id or not is_true or not is_sealed:
            yield self._flaw(entry.sequence, Wrong.CHANGED)
        elif not is_gap and entry.previous != self._previous:
            yield self._flaw(entry.sequence, Wrong.OUT_OF_ORDER)
        self._expected, self._previous = entry.sequence + 1, entry.hash

    def end(self) -> Iterator[Flaw]:
        """The places that were sealed and that nothing is left of."""
        last = max(self.seals, default=0)
        yield from (self._flaw(place, Wrong.CUT_OFF) for place in range(self._expected, last + 1))

    def _flaw(self, sequence: int, wrong: Wrong) -> Flaw:
        return Flaw(self.partner_id, sequence, wrong)
