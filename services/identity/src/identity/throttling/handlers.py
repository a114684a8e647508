"""Using a try to sign in, and getting it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.ids import computed_id
from identity.throttling.domain import Budget, TooManyAttempts
from identity.throttling.storage import AttemptStore


@dataclass
class Throttle:
    """What the use cases work with: the budget of an account, and that of an address for all accounts together."""

    store: AttemptStore
    account: Budget
    address: Budget


async def take(throttle: Throttle, email: str, place: str, *, is_known: bool) -> Sequence[str]:
    """Use a try of whoever signs in from `place`, where the account was signed in before or not.

    Returns what to give back when the password was right. Raises TooManyAttempts.
    """
    account, now = computed_id("account", email), datetime.now(UTC)
    budgets = [(computed_id(account, place), throttle.account)]
    if not is_known:
        budgets = [(account, throttle.account), (place, throttle.address)]
    taken: list[str] = []
    for key, budget in budgets:
        if seconds := await throttle.store.take(key, budget, now):
            await give_back(throttle, taken)
            raise TooManyAttempts(seconds)
        taken.append(key)
    return taken


async def give_back(throttle: Throttle, taken: Sequence[str]) -> None:
    """It was no wrong try."""
    for key in taken:
        await throttle.store.give_back(key)


async def forget(throttle: Throttle) -> None:
    """Forget the budgets that are full again."""
    longest = max(budget.tries * budget.seconds for budget in (throttle.account, throttle.address))
    await throttle.store.forget(datetime.now(UTC) - timedelta(seconds=longest))
