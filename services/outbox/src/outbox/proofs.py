"""Short proofs that something is of our own making: keyed, in small letters and digits, 80 bits."""

import base64
import hmac
from collections.abc import Sequence

_BYTES = 10
LETTERS = r"[a-z2-7]{16}"


class Proofs:
    """Of one `purpose`; one of another proves nothing here. The first of `keys` makes; all check."""

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        self._keys = tuple(hmac.digest(key, purpose.encode(), "sha256") for key in keys)

    def of(self, named: str) -> str:
        return _proof(self._keys[0], named)

    def is_good(self, named: str, proof: str) -> bool:
        given = proof.encode()
        return any(hmac.compare_digest(given, _proof(key, named).encode()) for key in self._keys)


def _proof(key: bytes, named: str) -> str:
    return base64.b32encode(hmac.digest(key, named.encode(), "sha256")[:_BYTES]).decode().lower()
