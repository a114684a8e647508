"""Passwords and signatures: the slow and the secret work."""

import asyncio
import base64
from datetime import datetime, timedelta
from uuid import uuid4

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.auth import ALGORITHM, TOKEN_TYPE
from common.keyring import Keyring
from identity.domain import SigningKey, User


class Passwords:
    """Argon2id, at most `at_once` at a time: a storm of sign-ins must not starve everything else."""

    def __init__(self, at_once: int) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(at_once)
        self._nobodys = self._hasher.hash(uuid4().hex)

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Takes as long for nobody (None) as for somebody, so that time does not tell who exists."""
        async with self._turn:
            return await asyncio.to_thread(self._verify, password, password_hash or self._nobodys) and (
                password_hash is not None
            )

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


class Signer:
    """Makes signing keys and tokens; private keys are sealed under the keyring."""

    def __init__(self, keyring: Keyring, issuer: str, audience: str, lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self._keyring = keyring
        self._issuer = issuer
        self._audience = audience
        self._open: dict[str, Ed25519PrivateKey] = {}

    def new_key(self, kid: str, active_from: datetime, retires_at: datetime) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        raw = base64.b64encode(private.private_bytes_raw()).decode()
        public = base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).decode().rstrip("=")
        trusted_until = retires_at + self.lifetime
        return SigningKey(kid, public, self._keyring.seal(raw, kid), active_from, retires_at, trusted_until)

    def token(self, user: User, key: SigningKey, now: datetime) -> str:
        """An access token (RFC 9068) that says who the user is and what he may do."""
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": user.id,
            "partner_id": user.partner_id,
            "permissions": sorted(user.may),
            "iat": now,
            "exp": now + self.lifetime,
            "jti": uuid4().hex,
        }
        return jwt.encode(claims, self._private(key), ALGORITHM, headers={"kid": key.kid, "typ": TOKEN_TYPE})

    def _private(self, key: SigningKey) -> Ed25519PrivateKey:
        if key.kid not in self._open:
            raw = base64.b64decode(self._keyring.open(key.sealed, key.kid))
            self._open[key.kid] = Ed25519PrivateKey.from_private_bytes(raw)
        return self._open[key.kid]
