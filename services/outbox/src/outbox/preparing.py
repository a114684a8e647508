"""What a claimed message needs before its mail server is spoken to: attachments that are there."""

import asyncio
from collections.abc import Collection

from common.logs import error_code, logger
from outbox.attachments.handlers import Attachments, prepare
from outbox.domain import Answer, not_made
from outbox.items import Item, Reach
from outbox.lanes import Lane
from outbox.results import Results

log = logger(__name__)

AT_ONCE = 4
"""Messages of one account that are prepared at the same time."""


class Preparing:
    """Prepares messages beside their lanes, and hands them on. Each counts as in hand of its lane meanwhile: files that
    come slowly cost the lane of their own account only."""

    def __init__(self, attachments: Attachments, results: Results) -> None:
        self._attachments = attachments
        self._results = results
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._under_way: dict[asyncio.Task[Answer | None], tuple[Lane, Item]] = {}

    def begin(self, lane: Lane, item: Item) -> None:
        """Hand `item` to `lane` once it is ready, or say that it failed."""
        lane.in_hand += 1
        task = asyncio.create_task(self._run(lane, item))
        self._under_way[task] = (lane, item)
        task.add_done_callback(self._ended)

    def put_down(self, lanes: Collection[Lane]) -> list[Item]:
        """Take back what is not ready of these lanes."""
        put_down: list[Item] = []
        for task, (lane, item) in self._under_way.items():
            if lane in lanes and not task.done():
                task.cancel()
                put_down.append(item)
        return put_down

    async def _run(self, lane: Lane, item: Item) -> Answer | None:
        async with self._turns.setdefault(lane.account.id, asyncio.Semaphore(AT_ONCE)):
            return await prepare(self._attachments, item.message)

    def _ended(self, task: asyncio.Task[Answer | None]) -> None:
        """Also of a task that was cancelled before it began."""
        lane, item = self._under_way.pop(task)
        lane.in_hand -= 1
        if task.cancelled():
            return
        if error := task.exception():
            log.warning("preparing_failed", account_id=lane.account.id, error=error_code(error))
            self._results.add(lane.account, item, not_made(error_code(error)), Reach.NOWHERE)
        elif answer := task.result():
            self._results.add(lane.account, item, answer, Reach.NOWHERE)
        else:
            lane.take(item)
