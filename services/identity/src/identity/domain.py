"""Partners, users, and what one user may do to another. No I/O."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zxcvbn import zxcvbn

from common.auth import ROLES, STAFF_ONLY, Permission, UserRole
from common.errors import Conflict, Invalid, NotSignedIn, PermissionMissing, Problem

PLATFORM = "platform"
"""The partner that staff belong to."""
OWNER_PERMISSIONS = frozenset(Permission) - STAFF_ONLY
PASSWORD_MIN, PASSWORD_MAX = 12, 256
PASSWORD_GUESSES = 1_000_000
"""Fewer guesses than these must not be enough for whoever knows the common passwords, names and words."""
_WEIGHED_CHARACTERS = 32
"""Enough to tell. The time that it takes grows with their square, and with signs that may stand for several letters:
of 72 it would be that of twenty hashes, in which nothing else gets on."""


class EmailTaken(Conflict):
    """Somebody signs in with this address already."""

    code, title = "email-taken", "This e-mail address is in use"


class OwnerFixed(Conflict):
    """The owner of a partner keeps all permissions and stays."""

    code, title = "owner-fixed", "The owner cannot be changed so"


class WrongCredentials(NotSignedIn):
    """The same words whether the address is unknown or the password wrong."""

    code, title = "wrong-credentials", "E-mail or password is wrong"


class PasswordTooEasy(Invalid):
    """It is a common one, or made of little more than common ones, names, repetitions and what is near at hand."""

    code, title = "password-too-easy", "Others would guess this password"


class OAuthProblem(Problem):
    """A problem document with OAuth's members in it, so that any OAuth client understands it (RFC 6749, 5.2)."""

    error = "invalid_request"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, error=self.error, error_description=detail)


class InvalidRequest(OAuthProblem):
    """A parameter is missing."""

    code, title = "invalid-request", "A parameter is missing"


class UnsupportedGrant(OAuthProblem):
    """Tokens are not given for that."""

    code, title, error = "unsupported-grant-type", "Tokens are not given for that", "unsupported_grant_type"


class InvalidScope(OAuthProblem):
    """Something was asked for that was not given."""

    code, title, error = "invalid-scope", "That was not given", "invalid_scope"


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
    second_factor_required: bool = False
    """Its users may do nothing until they signed in with more than a password."""
    version: int = 1
    masters_allowed: bool = False
    """Staff's switch: whether its marked users may enter accounts of its clients (E1)."""


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
    """Empty as long as he was only invited."""
    is_owner: bool = False
    roles: frozenset[UserRole] = frozenset()
    version: int = 1
    """Tokens of a lower one are refused."""
    sign_outs: int = 0
    """How often he signed out everywhere: sessions from before are over."""
    is_master: bool = False
    """He enters accounts of clients that gave his partner access (E2)."""
    email_verified: bool = False
    """Somebody followed a link in a mail to this address."""
    has_second_factor: bool = False

    @property
    def is_invited(self) -> bool:
        """He has not set a password yet."""
        return not self.password_hash

    @property
    def may(self) -> frozenset[str]:
        """All that he may do: his permissions and those of his roles (D7)."""
        return self.permissions.union(*(ROLES[role].permissions for role in self.roles))


def folded(email: str) -> str:
    """An address as users are known by it and written to, however its capitals are. No letter becomes another one (as
    by `casefold`): weiß.example and weiss.example are two companies."""
    return email.lower()


def check_password(password: str, about: Sequence[str]) -> None:
    """Holds a password against the lists of common ones (NIST 800-63B, 3.1.1.2), and what is known `about` its owner.

    Any other password of the right length will do, whatever it is composed of. Raises PasswordTooEasy.
    """
    known = ["switchboard", *about, *(word for text in about for word in re.split(r"\W+", text))]
    if int(zxcvbn(password[:_WEIGHED_CHARACTERS], user_inputs=known)["guesses"]) < PASSWORD_GUESSES:
        raise PasswordTooEasy("Choose another; a few words that do not belong together are good.")


def check_grant(giver: frozenset[str], wanted: Iterable[str]) -> None:
    """Raises CannotGrant when `wanted` has a permission that the giver lacks, or one that only staff hold."""
    _check_has(giver - STAFF_ONLY, wanted)


def check_take(taker: frozenset[str], lost: Iterable[str]) -> None:
    """Raises CannotGrant when somebody would lose a permission that whoever takes it lacks (B7)."""
    _check_has(taker, lost)


def _check_has(has: frozenset[str], wanted: Iterable[str]) -> None:
    if missing := sorted(set(wanted) - has):
        raise CannotGrant("Leave these out, or ask somebody who has them.", permissions=missing)
