"""Wires what is about challenges."""

from datetime import timedelta

from common.keyring import Keyring
from common.mongo import Mongo
from identity.challenges.handlers import Challenges
from identity.challenges.jobs import forgetting
from identity.challenges.storage import INDEXES, ChallengeStore
from identity.settings import Settings

__all__ = ["INDEXES", "forgetting", "wire"]


def wire(settings: Settings, mongo: Mongo) -> Challenges:
    """Its use cases."""
    lifetime = timedelta(seconds=settings.challenge_seconds)
    return Challenges(ChallengeStore(mongo), Keyring.parse(settings.identity_keyring), lifetime)
