"""Machines: order systems and the like, which sign in with a secret or with keys of their own. No I/O."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.auth import STAFF_ONLY, Permission
from common.errors import Conflict, Invalid
from identity.domain import CannotGrant, InvalidScope, OAuthProblem

NOT_FOR_MACHINES = STAFF_ONLY | {Permission.USERS_WRITE, Permission.MACHINES_WRITE, Permission.ENTRIES_WRITE}
"""A machine lets nobody in."""


class InvalidClient(OAuthProblem):
    """The same words whether the id is unknown, the secret wrong, or the assertion not good, for whatever reason."""

    status, code, title, error = 401, "invalid-client", "Client id, secret or assertion is wrong", "invalid_client"

    def __init__(self) -> None:
        super().__init__("Check what the machine was given, what it sent, and its clock.")

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Basic realm="machines"'}  # which has to be there (RFC 7617, 2)


class KeyRefused(Invalid):
    """A key that machines do not sign in with; the document says which and why."""

    code, title = "key-refused", "This key will not do"


class PrivateKeySent(Invalid):
    """Whoever sends the private half to others has no private key any more."""

    code, title = "private-key-sent", "This is a private key"


class OtherProof(Conflict):
    """A machine has a secret or keys, never both."""

    code, title = "other-proof", "This machine signs in in the other way"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that a machine signs with, by the one `algorithm` of its type; `jwk` are its public members (RFC 7517)."""

    kid: str
    algorithm: str
    jwk: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proof:
    """What a machine signs in with: a secret, known by its hash alone, or keys."""

    secret_hash: str | None = field(default=None, repr=False)
    keys: tuple[PublicKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine:
    """A client of a partner. What it signed in with before is good for a while."""

    id: str
    partner_id: str
    name: str
    permissions: frozenset[str]
    proof: Proof
    since: datetime
    last_used_at: datetime | None = None
    place: str | None = None
    """An id of the address that it was last used from."""
    previous: Proof = Proof()
    previous_until: datetime | None = None
    version: int = 1

    def knows(self, secret: str, now: datetime) -> bool:
        known, digest = [proof.secret_hash for proof in self._good(now) if proof.secret_hash], hash_of(secret)
        return any(hmac.compare_digest(digest, one) for one in known)

    def key(self, kid: str | None, now: datetime) -> PublicKey | None:
        """Its good key of this name."""
        return next((key for proof in self._good(now) for key in proof.keys if key.kid == kid), None)

    def scoped(self, scope: str) -> frozenset[str]:
        """What it asks for, by names with spaces between; all that it may do when it asks for nothing.

        Raises InvalidScope.
        """
        wanted = frozenset(scope.split()) or self.permissions
        if not wanted <= self.permissions:
            raise InvalidScope("Ask only for permissions that the machine was given.")
        return wanted

    def _good(self, now: datetime) -> tuple[Proof, ...]:
        is_changing_over = self.previous_until is not None and now < self.previous_until
        return (self.proof, self.previous) if is_changing_over else (self.proof,)


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of an assertion: for whom it is, how far clocks may differ, how long it may be good."""

    audiences: frozenset[str]
    leeway: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a machine says of itself, with its signature (RFC 7523). Times are seconds of the epoch."""

    issuer: str
    subject: str
    audience: frozenset[str]
    id: str
    issued_at: float
    not_before: float
    expires_at: float

    def is_good(self, machine_id: str, demands: Demands, now: datetime) -> bool:
        """False also where it is good elsewhere as well: whoever gets it there could use it here."""
        at, leeway = now.timestamp(), demands.leeway.total_seconds()
        return (
            self.issuer == self.subject == machine_id
            and bool(self.audience)
            and self.audience <= demands.audiences
            and max(self.issued_at, self.not_before) - leeway <= at < self.expires_at + leeway
            and self.expires_at <= at + demands.longest.total_seconds() + leeway
        )


def new_secret() -> str:
    """256 random bits: nothing that has to be hashed slowly."""
    return f"mcs_{secrets.token_urlsafe(32)}"


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def check_for_machines(permissions: frozenset[str]) -> None:
    """Raises CannotGrant when a machine would let others in."""
    if wrong := sorted(permissions & NOT_FOR_MACHINES):
        raise CannotGrant("A machine never has these; leave them out.", permissions=wrong)
