"""What is refused, in the logs: who asked for what and why not, and of a flood only a part (E6)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from common.authors import Asker
from common.errors import NotSignedIn, Problem
from common.logs import logger

log = logger(__name__)

REFUSALS = frozenset({401, 403, 429})
"""Nobody knows who asks, he may not, or he tries too often."""


@dataclass(slots=True)
class _Told:
    """How many lines there were in this second, and how many were left out since the last one."""

    second: int = 0
    lines: int = 0
    left_out: int = 0


class Refusals:
    """A line for each refusal, and for each reason `most` a second: the next one says how many were left out."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._told: dict[tuple[str, str], _Told] = {}

    def tell(self, route: str, problem: Problem, asker: Asker | None) -> None:
        """Write the line, if `problem` is a refusal. `route` is a template, without what stood in its place."""
        if problem.status not in REFUSALS:
            return
        because = ""
        if isinstance(problem, NotSignedIn):
            because, asker = problem.because, asker or problem.asker
        left_out = self._left_out(problem.code, because)
        if left_out is None:
            return
        more = {"because": because, "left_out": left_out} | (asker.names() if asker else {})
        known = {name: value for name, value in more.items() if value}
        log.info("refused", route=route, status=problem.status, reason=problem.code, **known)

    def _left_out(self, reason: str, because: str) -> int | None:
        """How many were left out before this one; None when this one is left out, too."""
        told, second = self._told.setdefault((reason, because), _Told()), int(self._clock())
        if told.second != second:
            told.second, told.lines = second, 0
        if told.lines >= self._most:
            told.left_out += 1
            return None
        left_out, told.left_out = told.left_out, 0
        told.lines += 1
        return left_out
