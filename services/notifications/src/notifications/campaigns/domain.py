"""An event that concerns many partners, and how far it came (A7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from common.errors import Poison
from notifications.domain import at
from notifications.kinds.domain import Audience, is_identifier

TOGETHER = 100
"""So many categories are gone through at once, as many as an event of ours may name."""


@dataclass(frozen=True, slots=True)
class Named:
    """Whom an event names: partners, those who sell in one of the categories, or everyone."""

    partners: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a fan-out stands: in which of its steps, and behind which partner of it ("" at the beginning)."""

    step: int = 0
    behind: str = ""


@dataclass(frozen=True, slots=True)
class FanOut:
    """An event on its way to many partners, chunk by chunk."""

    id: str
    source: str
    event_id: str
    time: datetime
    kind: str
    data: Mapping[str, Any]
    trace: str | None
    named: Named
    position: Position = Position()

    @property
    def steps(self) -> tuple["Step", ...]:
        """First the named partners, then those who sell in one of the categories, or everyone. Categories are not gone
        through one by one: who changes them meanwhile could be in each of them just when it is not its turn."""
        partners, categories = self.named.partners, self.named.categories
        steps: list[Step] = [Step(partners=partners)] if partners else []
        if self.named.everyone:
            steps.append(Step(but=frozenset(partners)))
        else:
            together = (categories[i : i + TOGETHER] for i in range(0, len(categories), TOGETHER))
            steps += [Step(categories=some, but=frozenset(partners)) for some in together]
        return tuple(steps)


@dataclass(frozen=True, slots=True)
class Step:
    """A part of a fan-out: `partners`, else those in one of `categories`, else everyone; but not the named ones."""

    partners: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    but: frozenset[str] = frozenset()


def named_in(audience: Audience, data: Mapping[str, Any]) -> Named:
    """Whom the event names. Raises Poison when that cannot be read, or is nobody."""
    named = Named(
        partners=_ids(data, audience.partners),
        categories=_ids(data, audience.categories),
        everyone=bool(audience.everyone) and at(data, audience.everyone) is True,
    )
    if named == Named():
        raise Poison("breaks_contract", "the event names no partner, no category, and not everyone")
    return named


def _ids(data: Mapping[str, Any], pointer: str | None) -> tuple[str, ...]:
    found = (at(data, pointer) if pointer else None) or []
    if not isinstance(found, list) or not all(isinstance(one, str) and is_identifier(one) for one in found):
        raise Poison("breaks_contract", f"there is no list of ids at {pointer}")
    return tuple(dict.fromkeys(found))


def ahead(fan_out: FanOut, step: Step, chunk: list[str], size: int) -> Position | None:
    """The position after `chunk`, which was asked for `size` partners of `step`; None when the fan-out is done."""
    if len(chunk) == size:
        return replace(fan_out.position, behind=chunk[-1])
    following = fan_out.position.step + 1
    return Position(following) if following < len(fan_out.steps) else None
