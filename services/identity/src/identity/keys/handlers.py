"""Keys: signing with one, and keeping a good one."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from common.errors import Unavailable
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

    async def all(self) -> list[SigningKey]:
        """The signing keys, read again every few seconds."""
        if not self._known or time.monotonic() - self._read_at > KEYS_FRESH_SECONDS:
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
        await _add_successor(keys, now)
    keys.relay.wake()


async def replace_all(keys: Keys) -> None:
    """Announce a new key now and let the others stop once it signs (the command `rotate-keys`)."""
    now = datetime.now(UTC)
    retires_at = now + keys.overlap
    await keys.store.retire(retires_at, retires_at + keys.signer.longest)
    await _add_successor(keys, now)


async def _add_successor(keys: Keys, now: datetime) -> None:
    active_from = now + keys.overlap
    # One per minute: replicas that rotate at once agree on its id.
    key = keys.signer.new_key(f"{now:%Y-%m-%d-%H%M}", active_from, active_from + keys.age)
    await keys.store.add(key)
