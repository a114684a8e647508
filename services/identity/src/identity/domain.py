"""Partners, users, signing keys, and what one user may do to another. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.auth import ROLES, STAFF_ONLY, Permission, UserRole
from common.errors import Conflict, NotSignedIn, PermissionMissing

PLATFORM = "platform"
"""The partner that staff belong to."""
OWNER_PERMISSIONS = frozenset(Permission) - STAFF_ONLY
PASSWORD_MIN, PASSWORD_MAX = 12, 256


class EmailTaken(Conflict):
    """Somebody signs in with this address already."""

    code, title = "email-taken", "This e-mail address is in use"


class OwnerFixed(Conflict):
    """The owner of a partner keeps all permissions and stays."""

    code, title = "owner-fixed", "The owner cannot be changed so"


class WrongCredentials(NotSignedIn):
    """The same words whether the address is unknown or the password wrong."""

    code, title = "wrong-credentials", "E-mail or password is wrong"


class CannotGrant(PermissionMissing):
    """Nobody gives what he does not have (B7)."""

    code, title = "cannot-grant", "You cannot give a permission that you do not have"


@dataclass(frozen=True, slots=True)
class Partner:
    """A company on the marketplace: the tenant."""

    id: str
    name: str
    language: str
    country: str
    owner_email: str | None
    owner_id: str
    categories: tuple[str, ...] = ()
    """Of the products it sells; campaigns name some (A7)."""
    version: int = 1


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in; belongs to one partner."""

    id: str
    partner_id: str
    email: str
    name: str
    permissions: frozenset[str]
    """Given one by one; an owner has all there are."""
    password_hash: str = field(repr=False)
    is_owner: bool = False
    roles: frozenset[UserRole] = frozenset()

    @property
    def may(self) -> frozenset[str]:
        """All that he may do: his permissions and those of his roles (D7)."""
        return self.permissions.union(*(ROLES[role].permissions for role in self.roles))


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


def check_grant(giver: frozenset[str], wanted: Iterable[str]) -> None:
    """Raises CannotGrant when `wanted` has a permission that the giver lacks, or one that only staff hold."""
    missing = sorted((set(wanted) - giver) | (set(wanted) & STAFF_ONLY))
    if missing:
        raise CannotGrant("Leave these out, or ask somebody who has them.", permissions=missing)


def signing_key_at(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    """The key to sign with: of those announced long enough ago, the newest."""
    ready = [key for key in keys if key.active_from <= now < key.trusted_until]
    return max(ready, key=lambda key: key.active_from, default=None)


def needs_new_key(keys: Iterable[SigningKey], now: datetime, overlap: timedelta) -> bool:
    """True when the newest key retires so soon that its successor must be announced now."""
    return all(key.retires_at - overlap <= now for key in keys)
