"""Making challenges and taking their answers. What a challenge is about is sealed in it."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.keyring import Keyring, SecretUnreadable
from identity.challenges.domain import ChallengeGone, Purpose
from identity.challenges.storage import ChallengeStore

CLOCKS_DIFFER = timedelta(minutes=5)
"""By no more than this: what was answered at one replica is not good at another whose clock is behind."""
_OWNER = "challenge"


@dataclass
class Challenges:
    """What the use cases work with."""

    store: ChallengeStore
    keyring: Keyring
    lifetime: timedelta


def make(challenges: Challenges, purpose: Purpose, *about: str) -> str:
    """A new challenge; nobody can read or change what it is about."""
    until = datetime.now(UTC) + challenges.lifetime
    return challenges.keyring.seal(json.dumps([purpose, until.timestamp(), *about]), _OWNER)


def read(challenges: Challenges, purpose: Purpose, challenge: str) -> list[str]:
    """What a challenge is about. Raises ChallengeGone."""
    return _opened(challenges, purpose, challenge)[1]


async def answer(challenges: Challenges, purpose: Purpose, challenge: str) -> list[str]:
    """The same, this once: of many at once, one is first. Raises ChallengeGone."""
    until, about = _opened(challenges, purpose, challenge)
    if not await challenges.store.answer(hashlib.sha256(challenge.encode()).hexdigest(), until):
        raise ChallengeGone
    return about


async def forget(challenges: Challenges) -> None:
    """Forget the answered ones that have expired, by whatever clock."""
    await challenges.store.forget_answered(datetime.now(UTC) - CLOCKS_DIFFER)


def _opened(challenges: Challenges, purpose: Purpose, challenge: str) -> tuple[datetime, list[str]]:
    try:
        made_for, until, *about = json.loads(challenges.keyring.open(challenge, _OWNER))
    except SecretUnreadable:
        raise ChallengeGone from None
    expires_at = datetime.fromtimestamp(until, UTC)
    if made_for != purpose or expires_at <= datetime.now(UTC):
        raise ChallengeGone
    return expires_at, about
