"""Entries: a partner's master user acts as the user that a client made for the partner (E5, E6). No I/O.

What an entry depends on belongs to others, and changes without asking: so there is one rule, `Around.obstacle`, that
says what stands in the way now. It is asked before every token, and of each entry that goes on every second.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from common.errors import Conflict, PermissionMissing
from identity.connections.domain import Connection, connection_id
from identity.domain import OAuthProblem, Partner, User
from identity.sessions.domain import Session


class State(StrEnum):
    """The first three are before anybody entered; REFUSED and ENDED are final."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    RUNNING = "running"
    ENDED = "ended"


class Because(StrEnum):
    """Why an entry ended."""

    LEFT = "left"
    CLIENT = "client"
    PARTNER = "partner"
    STAFF = "staff"
    ACCESS = "access"
    MASTER = "master"
    SESSION = "session"
    CODE = "code"
    TIME = "time"


class NotMaster(PermissionMissing):
    """Only a marked user of a partner that staff let have such users enters accounts (E1, E2)."""

    code, title = "not-a-master", "You are no partner master"


class InvalidTarget(OAuthProblem):
    """The account may not be entered, now or at all; the panel says why (RFC 8693, 2.2.2)."""

    code, title, error = "invalid-target", "You may not enter this account", "invalid_target"


class ConfirmationNeeded(OAuthProblem):
    """The client confirms each entry, and did not confirm this one (yet)."""

    code, title, error = "confirmation-needed", "The client has to confirm this entry", "invalid_target"


class NotWaiting(Conflict):
    """It is confirmed, refused or over already."""

    code, title = "not-waiting", "This entry does not wait for a confirmation"


class NoConfirmationNeeded(Conflict):
    """The client does not confirm entries one by one."""

    code, title = "no-confirmation-needed", "Enter without asking"


@dataclass(frozen=True, slots=True)
class Way:
    """Which master user of which partner enters which client's account, signed in by which session. None: he asked to
    enter, and may do so by any."""

    partner_id: str
    master_id: str
    client_id: str
    session_id: str | None

    @property
    def connection_id(self) -> str:
        return connection_id(self.partner_id, self.client_id)


@dataclass(frozen=True, slots=True)
class Around:
    """What a way depends on, as it is now; None for what is not there (any more)."""

    way: Way
    partner: Partner | None
    master: User | None
    connection: Connection | None
    session: Session | None

    def obstacle(self, now: datetime) -> Because | None:
        """What stands in the way, None when nothing does."""
        connection, access = self.connection, self.connection.access if self.connection else None
        if not (self.partner and self.partner.masters_allowed and connection and connection.is_on):
            return Because.STAFF
        if self.master is None or not self.master.is_master or self.master.partner_id != self.partner.id:
            return Because.MASTER
        if access is None or access.until <= now:
            return Because.ACCESS
        if self.way.session_id is not None and not self._is_signed_in(self.partner, now):
            return Because.SESSION
        return None

    def _is_signed_in(self, partner: Partner, now: datetime) -> bool:
        """False too for a session that may do nothing: the partner requires a second factor, and it began without."""
        session = self.session
        if session is None or session.user_id != self.way.master_id or not session.is_good(self.master, now):
            return False
        return session.is_strong or not partner.second_factor_required


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, from when it was asked for until it is over. `user_id` is the client's user that is acted for,
    `permissions` all that any of its tokens may do. An open one is over at `ends_at`, unless it is renewed before."""

    id: str
    way: Way
    master_name: str
    partner_name: str
    client_name: str
    user_id: str
    permissions: frozenset[str]
    state: State
    at: datetime
    ends_at: datetime
    decided_by: str | None = None
    began_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    because: Because | None = None

    @property
    def needs_nobody(self) -> bool:
        """True when the client confirmed it, or it goes on already."""
        return self.state in (State.CONFIRMED, State.RUNNING)

    def obstacle(self, around: Around, now: datetime) -> Because | None:
        """Why this entry may not go on, None when it may."""
        found = around.obstacle(now)
        if found is not None or around.connection is None or around.connection.access is None:
            return found
        access = around.connection.access
        is_covered = access.user_id == self.user_id and self.permissions <= access.permissions
        if not is_covered or (access.confirm_each and self.state is State.RUNNING and self.decided_by is None):
            return Because.ACCESS
        return Because.TIME if self.ends_at <= now else None
