"""Which partner may enter which client's account, and how far (E1, E2, E4). No I/O.

Staff connect a partner with a client; an administrator of the client then gives the partner access. The access is a
user of the client: he has an id and permissions, and no address or password, so nobody ever signs in as him.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.auth import NEVER_DELEGATED
from common.errors import Conflict, Invalid
from common.ids import computed_id
from common.spelling import plain
from identity.domain import CannotGrant, InvalidScope

_AFTER_NAME = "\x1f"
"""No name has it."""


class MastersNotAllowed(Conflict):
    """Staff did not let this partner have master users (E1)."""

    code, title = "masters-not-allowed", "Master users are not allowed yet"


@dataclass(frozen=True, slots=True)
class Access:
    """What a client gives: it is entered as the client's user `user_id`, with these permissions, until then. With
    `confirm_each` an administrator of the client confirms each entry."""

    user_id: str
    permissions: frozenset[str]
    until: datetime
    confirm_each: bool
    given_by: str
    given_at: datetime

    def narrowed(self, scope: str) -> frozenset[str]:
        """What of it is asked for, by names with spaces between; all when nothing is. Raises InvalidScope.

        A permission that is never delegated since the access was given, is not from now on.
        """
        given = self.permissions - NEVER_DELEGATED
        wanted = frozenset(scope.split()) & given if scope.split() else given
        if not wanted:
            raise InvalidScope("Ask for permissions that the client gave.")
        return wanted


@dataclass(frozen=True, slots=True)
class Connection:
    """A partner and a client of his. `is_on` is staff's switch (E1), `access` what the client gave (E4)."""

    id: str
    partner_id: str
    partner_name: str
    client_id: str
    client_name: str
    is_on: bool
    access: Access | None


def connection_id(partner_id: str, client_id: str) -> str:
    return computed_id("connection", partner_id, client_id)


def client_key(name: str, client_id: str) -> str:
    """What clients are sorted and searched by: the name, however it is typed, and the id of those with one name."""
    return f"{plain(name)}{_AFTER_NAME}{client_id}"


def is_named(typed: str) -> str:
    """The pattern of the keys of clients with this in their name."""
    letters = "".join(f"\\x{{{ord(letter):x}}}" for letter in plain(typed.strip()))
    return f"^[^{_AFTER_NAME}]*{letters}"


def check_scope(permissions: Iterable[str]) -> None:
    """Raises CannotGrant for what nobody has in an account that he entered (E6)."""
    if wrong := sorted(set(permissions) & NEVER_DELEGATED):
        raise CannotGrant("Whoever enters your account never has these; leave them out.", permissions=wrong)


def check_until(until: datetime, now: datetime, longest: timedelta) -> None:
    """Raises Invalid."""
    if not now < until <= now + longest:
        raise Invalid(f"`until` must lie ahead, by {longest.days} days at the most.")
