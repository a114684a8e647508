"""Tokens that services accept, made without identity: the session has a signing key of its own in its topic."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.auth import ALGORITHM, TOKEN_TYPE, Permission
from common.events import SigningKeyChanged

ISSUER, AUDIENCE = "https://identity.switchboard", "switchboard"


class Tokens:
    """Signs access tokens with a key that the session's services trust once `announcement` is published."""

    def __init__(self, kid: str = "test-key") -> None:
        self.kid = kid
        self.private_key = Ed25519PrivateKey.generate()

    @property
    def announcement(self) -> SigningKeyChanged:
        """The event that makes services trust the key."""
        return SigningKeyChanged(kid=self.kid, version=1, public_key=encoded(self.private_key), trusted_until=None)

    @property
    def header(self) -> dict[str, Any]:
        return {"kid": self.kid, "typ": TOKEN_TYPE}

    def claims(self, partner_id: str, /, *permissions: Permission, user_id: str = "usr_test") -> dict[str, Any]:
        """What a token of a user with `permissions` says."""
        now = datetime.now(UTC)
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "partner_id": partner_id,
            "permissions": [str(permission) for permission in permissions],
            "iat": now,
            "exp": now + timedelta(minutes=30),
        }

    def sign(self, partner_id: str, /, *permissions: Permission, user_id: str = "usr_test", **claims: Any) -> str:
        """An access token; `claims` replace the usual ones (None removes one)."""
        said = self.claims(partner_id, *permissions, user_id=user_id) | claims
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, self.private_key, ALGORITHM, headers=self.header)

    def headers(self, partner_id: str, *permissions: Permission, user_id: str = "usr_test") -> dict[str, str]:
        """The Authorization header of a user with `permissions` (all of them when none is named)."""
        chosen = permissions or tuple(Permission)
        return {"Authorization": f"Bearer {self.sign(partner_id, *chosen, user_id=user_id)}"}

    def acting(
        self, partner_id: str, *permissions: Permission, entry: str = "ent_test", master: str = "usr_master"
    ) -> dict[str, str]:
        """The same of a user for whom `master` of the partner `prt_master` acts, by an entry (E6)."""
        chosen = permissions or tuple(Permission)
        act = {"sub": master, "partner_id": "prt_master", "ver": 0}
        return {"Authorization": f"Bearer {self.sign(partner_id, *chosen, sid=entry, act=act)}"}


def encoded(key: Ed25519PrivateKey) -> str:
    """The public half of a key, as it stands in a JWK."""
    return base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
