"""Machines: order systems and the like, which sign in with a secret of their own. No I/O."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from common.auth import STAFF_ONLY, Permission
from identity.domain import CannotGrant, InvalidScope, OAuthProblem

NOT_FOR_MACHINES = STAFF_ONLY | {Permission.USERS_WRITE, Permission.MACHINES_WRITE, Permission.ENTRIES_WRITE}
"""A machine lets nobody in."""


class InvalidClient(OAuthProblem):
    """The same words whether the id is unknown or the secret wrong."""

    status, code, title, error = 401, "invalid-client", "Client id or secret is wrong", "invalid_client"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Basic"}


@dataclass(frozen=True, slots=True)
class Machine:
    """A client of a partner. Its secrets are known by their hash alone; the one before the last is good for a while."""

    id: str
    partner_id: str
    name: str
    permissions: frozenset[str]
    secret_hash: str = field(repr=False)
    since: datetime
    last_used_at: datetime | None = None
    previous_hash: str | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    version: int = 1

    def knows(self, secret: str, now: datetime) -> bool:
        digest = hash_of(secret)
        if hmac.compare_digest(digest, self.secret_hash):
            return True
        if self.previous_hash is None or self.previous_until is None or now >= self.previous_until:
            return False
        return hmac.compare_digest(digest, self.previous_hash)

    def scoped(self, scope: str) -> frozenset[str]:
        """What it asks for, by names with spaces between; all that it may do when it asks for nothing.

        Raises InvalidScope.
        """
        wanted = frozenset(scope.split()) or self.permissions
        if not wanted <= self.permissions:
            raise InvalidScope("Ask only for permissions that the machine was given.")
        return wanted


def new_secret() -> str:
    """256 random bits: nothing that has to be hashed slowly."""
    return f"mcs_{secrets.token_urlsafe(32)}"


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def check_for_machines(permissions: frozenset[str]) -> None:
    """Raises CannotGrant when a machine would let others in."""
    if wrong := sorted(permissions & NOT_FOR_MACHINES):
        raise CannotGrant("A machine never has these; leave them out.", permissions=wrong)
