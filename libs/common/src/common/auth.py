"""From a token to the caller: the one place where tokens are checked, and where a route says what it needs.

Services trust identity's public keys, which every process reads from the topic `signing_key.changed` before it is
ready. So no service has to be reachable for another to check a token.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common.errors import NotSignedIn, PermissionMissing, Unavailable
from common.events.identity import SigningKeyChanged

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105  RFC 9068's media type
REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat", "partner_id"]


class Permission(StrEnum):
    """The registry of permissions: every name that may stand in a token."""

    PARTNERS_WRITE = "partners:write"
    """Staff: create partners and their owners."""
    KINDS_WRITE = "kinds:write"
    """Staff: write the kinds of notification."""
    DEAD_LETTERS_READ = "dead_letters:read"
    """Staff: see what could not be processed, of all partners."""
    DEAD_LETTERS_WRITE = "dead_letters:write"
    """Staff: replay and discard it."""
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    """Create users of the own partner and say what they may do."""
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    NOTIFICATIONS_READ = "notifications:read"
    NOTIFICATIONS_WRITE = "notifications:write"
    OUTBOX_READ = "outbox:read"
    OUTBOX_RESEND = "outbox:resend"
    OUTBOX_DELETE = "outbox:delete"
    ACCOUNTS_WRITE = "accounts:write"
    """Sender accounts: create, change, test."""
    CRM_READ = "crm:read"
    CRM_WRITE = "crm:write"


STAFF_ONLY = frozenset(
    {Permission.PARTNERS_WRITE, Permission.KINDS_WRITE, Permission.DEAD_LETTERS_READ, Permission.DEAD_LETTERS_WRITE}
)
"""No user of a partner ever has these, not even its owner."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: user `user_id` of partner `partner_id`, with these permissions."""

    user_id: str
    partner_id: str
    permissions: frozenset[str]


@dataclass(slots=True)
class TrustedKeys:
    """Identity's public keys by `kid`, kept up to date from the topic."""

    _keys: dict[str, tuple[SigningKeyChanged, Ed25519PublicKey]] = field(default_factory=lambda: {})

    def apply(self, state: SigningKeyChanged) -> None:
        """Take a state of the topic; older ones than what is known are ignored."""
        known = self._keys.get(state.kid)
        if known is not None and known[0].version >= state.version:
            return
        padding = "=" * (-len(state.public_key) % 4)
        raw = base64.urlsafe_b64decode(state.public_key + padding)
        self._keys[state.kid] = (state, Ed25519PublicKey.from_public_bytes(raw))

    def get(self, kid: str, leeway: timedelta) -> Ed25519PublicKey | None:
        """The key, unless it is unknown, deleted or past its time."""
        known = self._keys.get(kid)
        if known is None or known[0].deleted:
            return None
        until = known[0].trusted_until
        return known[1] if until is None or datetime.now(UTC) < until + leeway else None

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Checks access tokens: algorithm, key, type, issuer, audience, times and the claims we rely on."""

    keys: TrustedKeys
    issuer: str
    audience: str
    leeway: timedelta

    def caller(self, token: str) -> Caller:
        """Who the token speaks for. Raises NotSignedIn for any token that is not good, with the same words for all."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM or header.get("typ") != TOKEN_TYPE:
                raise NotSignedIn("The token is not one of ours.")
            key = self.keys.get(str(header.get("kid")), self.leeway)
            if key is None:
                raise NotSignedIn("The token is signed with a key that is not trusted. Sign in again.")
            claims = jwt.decode(
                token, key, algorithms=[ALGORITHM], issuer=self.issuer, audience=self.audience,
                leeway=self.leeway, options={"require": REQUIRED_CLAIMS},
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("The token has expired. Sign in again.") from None
        except jwt.PyJWTError:
            raise NotSignedIn("The token is not valid. Sign in again.") from None
        return _caller(claims)


def _caller(claims: Mapping[str, Any]) -> Caller:
    permissions = claims.get("permissions", [])
    well_formed = isinstance(permissions, list) and isinstance(claims["partner_id"], str) and claims["partner_id"]
    if not well_formed:
        raise NotSignedIn("The token is not one of ours.")
    return Caller(str(claims["sub"]), claims["partner_id"], frozenset(map(str, permissions)))


_bearer = HTTPBearer(auto_error=False, description="An access token from identity's `POST /sign-in`.")


async def signed_in(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """The caller of this request, whatever he may do. Raises NotSignedIn."""
    check: TokenCheck = request.app.state.token_check
    if not len(check.keys):
        raise Unavailable("The keys that tokens are checked with have not arrived yet.")
    if credentials is None:
        raise NotSignedIn("Send `Authorization: Bearer <token>`; identity's POST /sign-in gives one.")
    return check.caller(credentials.credentials)


SignedIn = Annotated[Caller, Depends(signed_in)]
"""For a route that needs no more than a token: `caller: SignedIn`."""


def requires(permission: Permission) -> Any:
    """For a route's signature: `caller: Annotated[Caller, requires(Permission.CONTACTS_WRITE)]`.

    A caller without it gets 403 that names the permission (A5).
    """
    return Depends(_requirement(permission))


def _requirement(permission: Permission) -> Callable[[Caller], Caller]:
    def check(caller: SignedIn) -> Caller:
        if permission not in caller.permissions:
            by = "Only staff have it" if permission in STAFF_ONLY else "The owner of your company can give it to you"
            raise PermissionMissing(f"You need the permission {permission}. {by}.", permission=str(permission))
        return caller

    return check
