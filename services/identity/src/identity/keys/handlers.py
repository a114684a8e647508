"""Keys: signing with one, and keeping a good one."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common.errors import Unavailable
from common.ids import computed_id
from common.relay import StateRelay
from identity.keys.clients import Signer
from identity.keys.domain import Grant, SigningKey, needs_new_key, signing_key_at
from identity.keys.storage import KeyStore

FIRST_KEY = "first"
KEYS_FRESH_SECONDS = 5.0


@dataclass
class Keys:
    """What the use cases work with."""

    store: KeyStore
    signer: Signer
    relay: StateRelay
    age: timedelta
    overlap: timedelta
    _known: list[SigningKey] = field(default_factory=lambda: [])
    _read_at: float = 0.0

    @property
    def fresh(self) -> float:
        """Seconds for which the keys need not be read again: whoever keeps the public ones for half the overlap still
        knows a new one before it signs, and none signs after it retired."""
        return min(KEYS_FRESH_SECONDS, self.overlap.total_seconds() / 4)

    async def all(self) -> list[SigningKey]:
        """The signing keys, read again every few seconds."""
        if not self._known or time.monotonic() - self._read_at > self.fresh:
            self._known, self._read_at = await self.store.all(), time.monotonic()
        return self._known


async def issue(keys: Keys, grant: Grant) -> str:
    """An access token. Raises Unavailable as long as there is no key."""
    now = datetime.now(UTC)
    key = signing_key_at(await keys.all(), now)
    if key is None:
        raise Unavailable("There is no signing key yet. Send the same request again.")
    return keys.signer.token(grant, key, now)


async def trusted(keys: Keys) -> list[SigningKey]:
    """Every key that a good token may be signed with, now or soon."""
    now = datetime.now(UTC)
    return [key for key in await keys.all() if key.trusted_until > now]


async def rotate(keys: Keys) -> None:
    """Make a first key, or a successor when the newest retires soon; a no-op otherwise."""
    known = await keys.store.all()
    now = datetime.now(UTC)
    if not known:
        # All replicas use the same id, so only one of them makes the first key.
        await keys.store.add(keys.signer.new_key(FIRST_KEY, now, now + keys.age))
    elif needs_new_key(known, now, keys.overlap):
        await _add_successor(keys, known, now)
    keys.relay.wake()


async def replace_all(keys: Keys) -> None:
    """Announce a new key now and let the others stop once it signs (the command `rotate-keys`)."""
    known, now = await keys.store.all(), datetime.now(UTC)
    if not known:
        await rotate(keys)
        return
    kid = await _add_successor(keys, known, now)
    retires_at = now + keys.overlap
    await keys.store.retire_others(kid, retires_at, retires_at + keys.signer.longest)


async def _add_successor(keys: Keys, known: Sequence[SigningKey], now: datetime) -> str:
    """The id of the key after those that are known: they have one successor, whichever replica makes it."""
    kid, active_from = computed_id("successor", *sorted(key.public_key for key in known)), now + keys.overlap
    await keys.store.add(keys.signer.new_key(kid, active_from, active_from + keys.age))
    return kid
