"""Accounts that may have something due in the database, in the order of their turns."""

from collections.abc import Iterable, Iterator

FIRST, LAST = 0, 1_000


class Due:
    """Whose most urgent message is more urgent comes first; accounts that have equally urgent ones take turns."""

    def __init__(self) -> None:
        self._ranks: dict[str, int] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._ranks)

    def __contains__(self, account_id: str) -> bool:
        return account_id in self._ranks

    def rank(self, account_id: str) -> int:
        """What waits of it is no more urgent than this."""
        return self._ranks.get(account_id, LAST)

    def add(self, account_id: str, rank: int = FIRST) -> None:
        """It has something of this rank, or nothing that is more urgent than that. Its turn stays, if it had one."""
        self._ranks[account_id] = min(rank, self._ranks.get(account_id, rank))

    def update(self, account_ids: Iterable[str], rank: int = FIRST) -> None:
        """They have something; of whom nothing else is known, it is of this rank."""
        for one in account_ids:
            self._ranks.setdefault(one, rank)

    def come_down(self, account_id: str, rank: int) -> None:
        """If it has more, that is no more urgent than this."""
        if account_id in self._ranks:
            self.add(account_id, rank)

    def discard(self, *account_ids: str) -> None:
        """They have nothing, or their turn is over."""
        for one in account_ids:
            self._ranks.pop(one, None)

    def in_turn(self) -> list[str]:
        """All of them, whose turn is next first."""
        return sorted(self._ranks, key=self._ranks.__getitem__)
