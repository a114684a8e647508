"""What may be claimed of accounts whose provider allows so many messages in a second, or in a day."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from common.mongo import Document
from outbox.lanes import Lane
from outbox.rates.storage import RateStore

LEAST_SECONDS = 0.05
"""An account is asked for more permits so often at the most."""


class Permitting:
    """`wake` is called when an account that had no permits left may have some."""

    def __init__(self, rates: RateStore, lanes: Mapping[str, Lane], wake: Callable[[], None]) -> None:
        self._rates = rates
        self._lanes = lanes
        self._wake = wake

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
