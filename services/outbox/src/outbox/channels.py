"""What a lane sends over: mail servers (`smtp.py`) and gateways (`gateways.py`) offer the same."""

from typing import Protocol

from outbox.domain import Answer
from outbox.mime import Mail


class Stale(Exception):
    """A kept connection had ended before anything was said over it; a new one will do."""


class Refused(Exception):
    """The provider does not let us in; `answer` says why, and is the same for every message."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.outcome)
        self.answer = answer


class Connection(Protocol):
    """A connection to a provider, for one message after another."""

    @property
    def is_open(self) -> bool: ...

    def close(self) -> None: ...

    async def check(self) -> Answer:
        """Prove as much of the account as can be without sending; the answer's words say what that was (B11).

        Raises Refused.
        """
        ...

    async def send(self, mail: Mail, then: Mail | None = None) -> Answer:
        """One message to one recipient; `then` is what will be sent over this connection next.

        Raises Stale, Refused.
        """
        ...
