"""Secrets at rest: AES-256-GCM under a ring of keys, bound to what they belong to.

The first key of the ring encrypts; every key of it decrypts, so that a new one can be put first and old values read.
`resealing.py` seals them anew.
"""

import base64
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

_NONCE = 12


class SecretUnreadable(Exception):
    """No key of the ring opens the value, it was moved to another owner, or it is not whole."""


@dataclass(frozen=True)
class Keyring:
    """Keys by id, the encrypting one first."""

    keys: dict[str, AESGCM]

    @classmethod
    def parse(cls, text: SecretStr) -> "Keyring":
        """Raises ValueError as `keys_in` does."""
        return cls({key_id: AESGCM(key) for key_id, key in keys_in(text).items()})

    def seal(self, secret: str, owner: str) -> str:
        """`secret` encrypted; it opens only for the same `owner` (for instance `partner/account`)."""
        key_id, key = self._newest, self.keys[self._newest]
        nonce = os.urandom(_NONCE)
        sealed = key.encrypt(nonce, secret.encode(), owner.encode())
        return f"{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def is_newest(self, sealed: str) -> bool:
        """True when the key sealed it that seals now."""
        return key_id_of(sealed) == self._newest

    @property
    def _newest(self) -> str:
        return next(iter(self.keys))

    def open(self, sealed: str, owner: str) -> str:
        """The secret again. Raises SecretUnreadable."""
        key_id, _, encoded = sealed.partition(".")
        key = self.keys.get(key_id)
        if key is None:
            raise SecretUnreadable(key_id)
        try:
            raw = base64.urlsafe_b64decode(encoded)
            if base64.urlsafe_b64encode(raw).decode() != encoded:
                raise SecretUnreadable(key_id)  # what is good once must not have a second spelling
            return key.decrypt(raw[:_NONCE], raw[_NONCE:], owner.encode()).decode()
        except (InvalidTag, ValueError):
            raise SecretUnreadable(key_id) from None


def key_id_of(sealed: str) -> str:
    """Which key sealed it."""
    return sealed.partition(".")[0]


def keys_in(text: SecretStr) -> dict[str, bytes]:
    """Keys by id, the newest first, of `id:base64,id:base64` with 32 bytes each. Raises ValueError for another text."""
    keys: dict[str, bytes] = {}
    for entry in text.get_secret_value().split(","):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if not key_id or len(key) != 32:
            raise ValueError("a keyring is id:base64 with 32 bytes each, several with commas, the newest first")
        keys[key_id] = key
    return keys
