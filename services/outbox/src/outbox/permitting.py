"""How many messages may be claimed: as many as leave soon, of each account in turn, and as its provider allows."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from common.mongo import Document
from outbox.courtesy import Courtesy
from outbox.domain import Account, Answer, Outcome
from outbox.due import LAST, Due
from outbox.items import Item, Reach
from outbox.lanes import PER_CONNECTION, Lane
from outbox.rates.domain import Rate
from outbox.rates.storage import RateStore

ACCOUNTS_AT_ONCE = 20
MOST_IN_HAND, MOST_URGENT = 2_000, 500
"""So many more are claimed of what is more urgent than others that wait."""
MOST_ASKING = 1_000
"""Messages whose servers have not let us in yet do not count as in hand, while they are no more than this. Then each
account takes one, to ask with."""
LEAST_SECONDS, MOST_SECONDS = 0.05, 60.0
"""An account is asked for more permits so often at the most; and at the least, since others may give some back."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Whom to ask for how many messages in a round, by account, and down to which rank."""

    rooms: dict[str, int]
    down_to: int = LAST
    steps_back: bool = False

    @property
    def is_partial(self) -> bool:
        """True if there may be something for another turn at once."""
        return len(self.rooms) >= ACCOUNTS_AT_ONCE or self.down_to < LAST


@dataclass(frozen=True, slots=True)
class InHand:
    """How many messages were claimed at some moment, those aside whose servers are `asked` to let us in."""

    count: int
    asked: int

    def room_while_coming_in(self, lane: Lane, rank: int, claimed: int, waits: int) -> int:
        """How many messages like a new one may leave at once; `claimed` were just now. What waits of its account in the
        database is no more urgent than `waits`: it goes ahead of that only if it is more urgent. None leaves while the
        account may have been stopped since it was read (B9)."""
        if lane.account.rate or lane.was_refused or rank >= waits:
            return 0
        if waits < LAST:
            return lane.free_for_urgent if self.count + claimed < MOST_IN_HAND + MOST_URGENT else 0
        return self._capped(lane, lane.free) if self.count + claimed < MOST_IN_HAND else 0

    def rooms(self, lanes: Mapping[str, Lane], most: int, share: int) -> dict[str, int]:
        """What may be asked of each of these, `most` in all and a share of it each, of those first who stand first."""
        rooms = {one: min(self._capped(lane, lane.room), share) for one, lane in lanes.items()}
        return self._share(rooms, most, MOST_IN_HAND)

    def urgent_rooms(self, lanes: Mapping[str, Lane], most: int) -> dict[str, int]:
        """The same for what is more urgent than the most of what they have in hand."""
        rooms = {one: lane.free_for_urgent or self._capped(lane, lane.room) for one, lane in lanes.items()}
        return self._share(rooms, most, MOST_IN_HAND + MOST_URGENT)

    def _share(self, wanted: Mapping[str, int], most: int, most_in_hand: int) -> dict[str, int]:
        left = min(most, most_in_hand - self.count)
        rooms: dict[str, int] = {}
        for account_id, want in wanted.items():
            if (room := min(want, left)) > 0 and len(rooms) < ACCOUNTS_AT_ONCE:
                rooms[account_id] = room
                left -= room
        return rooms

    def _capped(self, lane: Lane, room: int) -> int:
        """So that servers that never let us in have little in hand."""
        if lane.is_let_in:
            return room
        return min(room, PER_CONNECTION if self.asked < MOST_ASKING else 0 if lane.in_hand else 1)


class Permitting:
    """`beside_urgent`: so many a second while they step back. `wake` is called when there may be permits again."""

    def __init__(
        self, rates: RateStore, lanes: Mapping[str, Lane], items: Mapping[tuple[str, str], Item],
        beside_urgent: int, wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self._rates = rates
        self._lanes = lanes
        self._items = items
        self._courtesy = Courtesy(beside_urgent)
        self._wake = wake
        self._not_tried: Counter[tuple[str, datetime]] = Counter()
        """What was claimed with permits, by account and time of the claim, and did not come to be tried."""

    def in_hand(self) -> InHand:
        """As it is now."""
        asked = sum(one.is_asking for one in self._items.values())
        return InHand(len(self._items) - asked, asked)

    @property
    def is_full(self) -> bool:
        """True while nothing more may be claimed until results are written."""
        return self.in_hand().count >= MOST_IN_HAND + (MOST_URGENT if self._courtesy.rank < LAST else 0)

    def steps_back(self, rank: int) -> bool:
        """True for a message that comes in and may not leave at once, for the sake of more urgent ones."""
        self._courtesy.came_in(rank)
        return rank > self._courtesy.rank

    def turn(self, lanes: Mapping[str, Lane], due: Due, batch: int) -> Turn:
        """Who is asked in this round, of those first whose turn is next. Those who may have something that need not
        step back are asked for that alone; if there are none, the others for as much as courtesy allows."""
        in_hand, rank = self.in_hand(), self._courtesy.rank
        if rank == LAST:
            return Turn(in_hand.rooms(lanes, batch, share=batch))
        if rooms := in_hand.urgent_rooms({one: lane for one, lane in lanes.items() if due.rank(one) <= rank}, batch):
            return Turn(rooms, rank)
        portion = min(batch, self._courtesy.portion)
        rooms = in_hand.rooms(lanes, portion, self._courtesy.share(portion))
        self._courtesy.call_when_due(self._wake)
        return Turn(rooms, steps_back=True)

    async def permitted(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """How many messages may be claimed of each account; one without permits rests until there are more."""
        await self._give_back()
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
                seconds = min(max((permits.more_at - now).total_seconds(), LEAST_SECONDS), MOST_SECONDS)
                lane.rest_for_its_rate(seconds)
                asyncio.get_running_loop().call_later(seconds, self._wake)
        return permitted

    def ended(self, account: Account, item: Item, answer: Answer, reach: Reach) -> None:
        """A lane finished with `item`: its permit was for nothing if its provider was not spoken to about it."""
        if reach in (Reach.SHARED, Reach.NOWHERE) and answer.outcome is not Outcome.UNKNOWN:
            self.put_down(account.rate, item)

    def put_down(self, rate: Rate, item: Item) -> None:
        """`item` was not begun."""
        if rate:
            self._not_tried[item.message["account_id"], item.claimed_at] += 1

    async def _give_back(self) -> None:
        while self._not_tried:
            (account_id, claimed_at), count = self._not_tried.popitem()
            await self._rates.give_back_of_all_partners(account_id, count, claimed_at)
            self._lanes[account_id].rest_for_its_rate(0.0)
            self._wake()

    async def claimed(self, turn: Turn, permitted: Mapping[str, int], claimed: Sequence[Document]) -> None:
        """These were claimed in the turn. Permits beyond them are given back."""
        if turn.steps_back:
            self._courtesy.took(sum(permitted.values()), len(claimed))
            self._courtesy.call_when_due(self._wake)
        used = Counter(one["account_id"] for one in claimed)
        for account_id, count in permitted.items():
            if self._lanes[account_id].account.rate and (unused := count - used[account_id]) > 0:
                await self._rates.give_back_of_all_partners(account_id, unused, datetime.now(UTC))
