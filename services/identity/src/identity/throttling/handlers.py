"""Using a try to sign in, or to ask for a mail, and getting it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.ids import computed_id
from identity.throttling.domain import Budget, Place, TooManyAttempts
from identity.throttling.storage import AttemptStore


@dataclass
class Throttle:
    """What the use cases work with: the budget of an account, that of an address for all accounts together, and that of
    mails to an address."""

    store: AttemptStore
    account: Budget
    address: Budget
    mail: Budget


async def take(throttle: Throttle, email: str, place: Place) -> Sequence[str]:
    """Use a try of whoever says from `place` that he is `email`.

    Returns what to give back when he is. Raises TooManyAttempts.
    """
    account, now = computed_id("account", email), datetime.now(UTC)
    budgets = [(computed_id(account, place.id), throttle.account)]
    if not place.is_known:
        budgets = [(account, throttle.account), (place.id, throttle.address)]
    return await _take_all(throttle, budgets, now)


def of_machine(throttle: Throttle, client_id: str, place: Place) -> Mapping[str, Budget]:
    """The budgets of whoever says from `place` that he is this machine."""
    budgets = {computed_id("machine", client_id, place.id): throttle.account}
    return budgets if place.is_known else budgets | {computed_id("machines", place.id): throttle.address}


async def check(throttle: Throttle, budgets: Mapping[str, Budget]) -> None:
    """Uses no try: right ones may come in any number at once. Raises TooManyAttempts."""
    if seconds := await throttle.store.wait(budgets, datetime.now(UTC)):
        raise TooManyAttempts(seconds)


async def miss(throttle: Throttle, budgets: Mapping[str, Budget]) -> None:
    """It was wrong: use a try. Raises TooManyAttempts, for whoever came at once with more than there are."""
    await _take_all(throttle, list(budgets.items()), datetime.now(UTC))


async def take_mail(throttle: Throttle, email: str, place: str | None = None) -> Sequence[str]:
    """Use one of the mails to this address, which somebody asked for from `place` if it is not known who he is.

    Returns what to give back when none is written. Raises TooManyAttempts.
    """
    budgets = [(computed_id("mail", email), throttle.mail)]
    if place is not None:
        budgets.append((computed_id("mail", place), throttle.address))
    return await _take_all(throttle, budgets, datetime.now(UTC))


async def _take_all(throttle: Throttle, budgets: Sequence[tuple[str, Budget]], now: datetime) -> Sequence[str]:
    """One of each budget, or none at all. Raises TooManyAttempts."""
    taken: list[str] = []
    for key, budget in budgets:
        if seconds := await throttle.store.take(key, budget, now):
            await give_back(throttle, taken)
            raise TooManyAttempts(seconds)
        taken.append(key)
    return taken


async def give_back(throttle: Throttle, taken: Sequence[str]) -> None:
    """It was no wrong try."""
    await throttle.store.give_back(taken)


async def forget(throttle: Throttle) -> None:
    """Forget the budgets that are full again."""
    longest = max(budget.tries * budget.seconds for budget in (throttle.account, throttle.address, throttle.mail))
    await throttle.store.forget(datetime.now(UTC) - timedelta(seconds=longest))
