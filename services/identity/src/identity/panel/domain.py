"""A master user's panel: the accounts that he enters, and codes that hand an entry to a browser (E3, E5). No I/O."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from identity.connections.domain import Connection, client_key
from identity.entry.domain import Entry, Way


class May(StrEnum):
    """What a master user may do about a client."""

    ENTER = "may_enter"
    ASK = "needs_confirmation"
    ENDED = "ended"
    SWITCHED_OFF = "switched_off"


@dataclass(frozen=True, slots=True)
class Client:
    """A client on the panel; `entry` is the one that waits or goes on."""

    connection: Connection
    entry: Entry | None

    @property
    def key(self) -> str:
        """Where it stands on the panel."""
        return client_key(self.connection.client_name, self.connection.client_id)

    def may(self, now: datetime) -> May:
        """The switch of the whole partner is not asked: without it there is no panel."""
        access = self.connection.access
        if not self.connection.is_on:
            return May.SWITCHED_OFF
        if access is None or access.until <= now:
            return May.ENDED
        is_in = self.entry is not None and self.entry.needs_nobody and now < self.entry.ends_at
        return May.ASK if access.confirm_each and not is_in else May.ENTER


@dataclass(frozen=True, slots=True)
class Code:
    """Good once, for a short time, and only for the browser that knows what `challenge` was made of (RFC 7636). `uses`
    is how often that was shown, and `entry_id` what it gave."""

    hash: str
    way: Way
    scope: str
    challenge: str
    expires_at: datetime
    uses: int = 0
    entry_id: str | None = None

    def is_good(self, now: datetime) -> bool:
        """When it is used for the first time."""
        return self.uses == 1 and now < self.expires_at


def hash_of(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def challenge_of(verifier: str) -> str:
    """The S256 challenge."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
