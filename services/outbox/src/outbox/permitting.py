"""How many messages may be claimed: as many as leave soon, of each account in turn, and as its provider allows."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from common.mongo import Document
from outbox.items import Item
from outbox.lanes import PER_CONNECTION, Lane
from outbox.rates.storage import RateStore

ACCOUNTS_AT_ONCE = 20
MOST_IN_HAND, MOST_URGENT = 2_000, 500
"""So many more are claimed as they come in, if they are more urgent than what waits."""
MOST_ASKING = 1_000
"""Messages whose servers have not let us in yet do not count as in hand, while they are no more than this. Then each
account takes one, to ask with."""
LEAST_SECONDS = 0.05
"""An account is asked for more permits so often at the most."""


@dataclass(frozen=True, slots=True)
class InHand:
    """How many messages were claimed at some moment, those aside whose servers are `asked` to let us in."""

    count: int
    asked: int

    @property
    def is_full(self) -> bool:
        return self.count >= MOST_IN_HAND

    def room_while_coming_in(self, lane: Lane, rank: int, claimed: int, *, is_behind: bool) -> int:
        """How many messages like a new one may leave at once; `claimed` were just now. One that stands behind others in
        the database may go ahead of them only if it is more urgent. None leaves while the account may have been stopped
        since it was read (B9)."""
        if lane.account.rate or lane.was_refused:
            return 0
        if urgent := lane.free_for(rank):
            return urgent if self.count + claimed < MOST_IN_HAND + MOST_URGENT else 0
        return 0 if is_behind or self.count + claimed >= MOST_IN_HAND else self._capped(lane, lane.free)

    def rooms(self, lanes: Mapping[str, Lane], batch: int) -> dict[str, int]:
        """What is asked of each account in this round, of those first whose turn is next."""
        left = min(batch, MOST_IN_HAND - self.count)
        rooms: dict[str, int] = {}
        for account_id, lane in lanes.items():
            if (room := min(self._capped(lane, lane.room), left)) > 0 and len(rooms) < ACCOUNTS_AT_ONCE:
                rooms[account_id] = room
                left -= room
        return rooms

    def _capped(self, lane: Lane, room: int) -> int:
        """So that servers that never let us in have little in hand."""
        if lane.is_let_in:
            return room
        return min(room, PER_CONNECTION if self.asked < MOST_ASKING else 0 if lane.in_hand else 1)


class Permitting:
    """`wake` is called when an account that had no permits left may have some."""

    def __init__(
        self, rates: RateStore, lanes: Mapping[str, Lane], items: Mapping[tuple[str, str], Item],
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._rates = rates
        self._lanes = lanes
        self._items = items
        self._wake = wake

    def in_hand(self) -> InHand:
        """As it is now."""
        asked = sum(one.is_asking for one in self._items.values())
        return InHand(len(self._items) - asked, asked)

    async def permitted(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """How many messages may be claimed of each account; one without permits rests until there are more."""
        permitted: dict[str, int] = {}
        for account_id, count in wanted.items():
            lane, now = self._lanes[account_id], datetime.now(UTC)
            if not lane.account.rate:
                permitted[account_id] = count
                continue
            permits = await self._rates.take_of_all_partners(account_id, count, now)
            if permits.count:
                permitted[account_id] = permits.count
            else:
                seconds = max((permits.more_at - now).total_seconds(), LEAST_SECONDS)
                lane.rest_for_its_rate(seconds)
                asyncio.get_running_loop().call_later(seconds, self._wake)
        return permitted

    async def give_back(self, permitted: Mapping[str, int], claimed: Sequence[Document]) -> None:
        """There were fewer messages than permits."""
        used = Counter(one["account_id"] for one in claimed)
        for account_id, count in permitted.items():
            if self._lanes[account_id].account.rate and (unused := count - used[account_id]) > 0:
                await self._rates.give_back_of_all_partners(account_id, unused, datetime.now(UTC))
