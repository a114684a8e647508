"""Work that runs beside requests and records, for as long as the process lives."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from common.errors import is_own_trouble
from common.logs import error_code, logger

log = logger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.2, 2.0
TURN_SECONDS = 0.005
LEFT_BEHIND_SECONDS = 2.0
"""What a process wrote it goes on with at once. What one did not live to go on with, another finds within this."""


T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):
    """The process ends before the work was done."""


class Stop(asyncio.Event):
    """Set once when the process must end."""

    async def wait_for(self, seconds: float) -> bool:
        """Wait until the end or for `seconds`; True when it is the end."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), seconds)
        return self.is_set()

    async def unless(self, work: Awaitable[T]) -> T:
        """The result of `work`. Raises Stopped, and cancels it, when the end comes first."""
        task, end = asyncio.ensure_future(work), asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Stopped
            return task.result()
        finally:
            for waiting in (task, end):
                waiting.cancel()

    async def wait_or(self, other: asyncio.Event, seconds: float) -> None:
        """Wait until the end, until `other` is set, or for `seconds`."""
        waits = [asyncio.ensure_future(self.wait()), asyncio.ensure_future(other.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def taking_turns(items: Iterable[T]) -> list[T]:
    """All of `items`, for what takes long to work out: whenever it took `TURN_SECONDS`, it is the turn of everything
    else."""
    found: list[T] = []
    clock = asyncio.get_running_loop().time
    began = clock()
    for item in items:
        found.append(item)
        if clock() - began > TURN_SECONDS:
            await asyncio.sleep(0)
            began = clock()
    return found


async def each_alone(
    name: str, items: Iterable[T], work: Callable[[T], Awaitable[R]], failed: Callable[[T], Awaitable[None]]
) -> list[R]:
    """What `work` makes of each of `items`, one after the other. One that it fails for keeps none of the others from
    being done: it is logged, and `failed` puts it aside. Raises only own trouble, which is everybody's."""
    done: list[R] = []
    for item in items:
        try:
            done.append(await work(item))
        except Exception as error:
            if is_own_trouble(error):
                raise
            log.error("item_failed", job=name, error=error_code(error))
            await failed(item)
    return done


class Pace:
    """Rounds that begin at least `seconds` apart. The first after a pause begins at once.

    Under a steady stream this turns many tiny batches into fewer of a good size: a round costs the same for one as for
    ten.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    async def turn(self) -> None:
        """Wait until the next round may begin."""
        loop = asyncio.get_running_loop()
        if (wait := self._next - loop.time()) > 0:
            await asyncio.sleep(wait)
        self._next = loop.time() + self._seconds


class Backoff:
    """Growing delays for one trouble: `next()` seconds each time, from the start again after `reset()`."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY

    def next(self) -> float:
        delay, self._delay = self._delay, min(self._delay * 2, LONGEST_DELAY)
        return delay

    def reset(self) -> None:
        self._delay = FIRST_DELAY


@dataclass
class Job:
    """`run(stop)` goes on until `stop`. When it raises, it is started again with growing delays, and `trouble` says
    what kind of error it was, so that the process is not ready meanwhile."""

    name: str
    run: Callable[[Stop], Coroutine[Any, Any, None]]
    trouble: str | None = None

    async def supervise(self, stop: Stop) -> None:
        """Keep the job running until `stop`. One that fails then, or before, runs once more: it may have to finish what
        it had begun, and returns at once if there is nothing."""
        if stop.is_set():
            return
        backoff = Backoff()
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self.run(stop)
                return
            except Exception as error:  # noqa: BLE001  the outermost place: a job must not end
                self.trouble = "waiting for a part of ours" if is_own_trouble(error) else error_code(error)
                log.warning("job_failed", job=self.name, error=error_code(error))
                if asyncio.get_running_loop().time() - started > LONGEST_DELAY:
                    backoff.reset()
                delay = backoff.next()
                await (asyncio.sleep(delay) if stop.is_set() else stop.wait_for(delay))
                self.trouble = None


def every(seconds: float, name: str, work: Callable[[], Awaitable[None]], *, at_once: bool = True) -> Job:
    """The job that does `work` again and again, so long after it was done; `at_once` for the first time, too."""

    async def run(stop: Stop) -> None:
        if not at_once:
            await stop.wait_for(seconds)
        while not stop.is_set():
            await work()
            await stop.wait_for(seconds)

    return Job(name, run)


def whenever(
    woken: asyncio.Event,
    name: str,
    work: Callable[[], Awaitable[object]],
    seconds: float = LEFT_BEHIND_SECONDS,
    *,
    apart: float = 0.0,
) -> Job:
    """The job that does `work` when it is `woken`, after `seconds` in any case, and again at once while that returns
    that something was done; but never two in less than `apart` seconds."""

    async def run(stop: Stop) -> None:
        pace = Pace(apart)
        while not stop.is_set():
            await pace.turn()
            woken.clear()
            if not await work():
                await stop.wait_or(woken, seconds)

    return Job(name, run)
