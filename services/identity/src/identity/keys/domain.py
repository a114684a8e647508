"""The keys that tokens are signed with, and what a token says. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.clocks import MOST_APART


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that tokens are signed with. `sealed` is the private half, encrypted."""

    kid: str
    public_key: str
    sealed: str = field(repr=False)
    active_from: datetime
    retires_at: datetime
    trusted_until: datetime
    version: int = 1
    is_announced: bool = False
    """True once the other services can know it."""


@dataclass(frozen=True, slots=True)
class ActingUser:
    """Who acts for the subject of a token (RFC 8693, 4.1). His tokens of a lower `version` are refused."""

    id: str
    partner_id: str
    version: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token says: who may do what, and by which client. Tokens of a lower `version` of the subject, or
    of a session that ended, are refused once that is known. It expires in `life`, if that is not the usual time."""

    subject: str
    partner_id: str
    permissions: frozenset[str]
    version: int
    client_id: str
    session_id: str | None = None
    actor: ActingUser | None = None
    life: timedelta | None = None


def signing_key_at(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    """The key to sign with: of those announced long enough ago, the newest.

    While a successor cannot be announced, since the broker is away, its predecessor goes on as long as it is trusted.
    """
    ready = [key for key in keys if key.active_from <= now < key.trusted_until]
    return max(ready, key=lambda key: (key.is_announced, key.active_from), default=None)


def needs_new_key(keys: Iterable[SigningKey], now: datetime, overlap: timedelta) -> bool:
    """True when the newest key retires so soon that its successor must be announced now. One that was made by a clock
    far ahead does not count: until it signs there may be none that does."""
    soon = now + overlap + MOST_APART
    return all(key.retires_at - overlap <= now for key in keys if key.active_from <= soon)
