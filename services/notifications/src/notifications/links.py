"""Links with which the reader of a mail unsubscribes from its kind. Whoever has one needs no token: it is signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

_MAC_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Subscription:
    """That a partner's kind is sent to an address (casefolded)."""

    partner_id: str
    kind: str
    address: str


class Links:
    """Makes and reads links below `public_url`; where that is empty none is made. The first of `keys` signs."""

    def __init__(self, public_url: str, keys: Sequence[bytes]) -> None:
        """Raises ValueError when there is no key to sign with."""
        if public_url and not keys:
            raise ValueError("PUBLIC_URL needs UNSUBSCRIBE_KEYRING: the links to unsubscribe are signed")
        self._public_url = public_url.rstrip("/")
        self._keys = tuple(keys)

    def to(self, one: Subscription) -> str:
        """The link that ends a subscription; empty when none can be followed."""
        if not self._public_url:
            return ""
        named = json.dumps([one.partner_id, one.kind, one.address], ensure_ascii=False, separators=(",", ":")).encode()
        token = base64.urlsafe_b64encode(_mac(self._keys[0], named) + named).decode().rstrip("=")
        return f"{self._public_url}/unsubscribe/{token}"

    def read(self, token: str) -> Subscription | None:
        """What a link's token names; None when no key of ours signed it."""
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            return None
        mac, named = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not any(hmac.compare_digest(mac, _mac(key, named)) for key in self._keys):
            return None
        return Subscription(*json.loads(named))


def _mac(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, named, "sha256")


NO_LINKS = Links("", ())
