"""One runner for all rows: each prints itself as it ends, and all go to `results.json`."""

import json
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Row:
    """A measurement. `ratio` is value over baseline; `goal` is what the ratio (or, without baseline, the value) must
    be: at least for rates, at most for times and sizes."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    goal: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float | None:
        return self.value / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        measured = self.ratio if self.ratio is not None else self.value
        return measured <= self.goal if self.at_most else measured >= self.goal


Bench = Callable[[], Awaitable[Sequence[Row]]]
Measure = Callable[[int], Awaitable[float]]
ROUNDS = 3


async def in_turn(baseline: Measure, ours: Measure) -> tuple[float, float]:
    """The medians of some rounds of both, which are given the number of the round.

    One after the other, again and again, so that a machine that becomes slower does so for both.
    """
    rounds = [(await baseline(number), await ours(number)) for number in range(ROUNDS)]
    baselines, values = zip(*rounds, strict=True)
    return statistics.median(baselines), statistics.median(values)


def say(row: Row) -> None:
    """Print a row the moment it is known."""
    parts = [f"{row.name:<58} {row.value:>10,.1f} {row.unit:<10}"]
    parts.append(f"baseline {row.baseline:>10,.1f}  ratio {row.ratio:5.2f}" if row.baseline and row.ratio else " " * 33)
    if row.goal is not None:
        parts.append(f"goal {'≤' if row.at_most else '≥'} {row.goal:g}  {'met' if row.met else 'NOT MET'}")
    print("  ".join(parts), flush=True)


def keep(rows: Sequence[Row]) -> None:
    """Write all rows of this run."""
    documents = [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]
    RESULTS.write_text(json.dumps(documents, indent=2) + "\n")
