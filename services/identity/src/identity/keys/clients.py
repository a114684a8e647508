"""Signatures: private keys are opened here and nowhere else."""

import base64
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.auth import ALGORITHM, TOKEN_TYPE
from common.keyring import Keyring
from identity.keys.domain import Grant, SigningKey


class Signer:
    """Makes signing keys and tokens; private keys are sealed under the keyring. No token lives longer than `longest`,
    and usually for `lifetime`."""

    def __init__(self, keyring: Keyring, issuer: str, audience: str, lifetime: timedelta, longest: timedelta) -> None:
        self.lifetime = lifetime
        self.longest = longest
        self.issuer = issuer
        self._keyring = keyring
        self._audience = audience
        self._open: dict[str, Ed25519PrivateKey] = {}

    @property
    def token_endpoint(self) -> str:
        """Where tokens are given: the issuer is the address of this service."""
        return f"{self.issuer.rstrip('/')}/token"

    def new_key(self, kid: str, active_from: datetime, retires_at: datetime) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        raw = base64.b64encode(private.private_bytes_raw()).decode()
        public = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode().rstrip("=")
        trusted_until = retires_at + self.longest
        return SigningKey(kid, public, self._keyring.seal(raw, kid), active_from, retires_at, trusted_until)

    def token(self, grant: Grant, key: SigningKey, now: datetime) -> str:
        """An access token (RFC 9068) that says who acts and what he may do."""
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": grant.subject,
            "client_id": grant.client_id,
            "partner_id": grant.partner_id,
            "permissions": sorted(grant.permissions),
            "ver": grant.version,
            "iat": now,
            "exp": now + (grant.life or self.lifetime),
            "jti": uuid4().hex,
        } | ({"sid": grant.session_id} if grant.session_id else {})
        if actor := grant.actor:
            claims["act"] = {"sub": actor.id, "partner_id": actor.partner_id, "ver": actor.version}
        return jwt.encode(claims, self._private(key), ALGORITHM, headers={"kid": key.kid, "typ": TOKEN_TYPE})

    def _private(self, key: SigningKey) -> Ed25519PrivateKey:
        if key.kid not in self._open:
            raw = base64.b64decode(self._keyring.open(key.sealed, key.kid))
            self._open[key.kid] = Ed25519PrivateKey.from_private_bytes(raw)
        return self._open[key.kid]
