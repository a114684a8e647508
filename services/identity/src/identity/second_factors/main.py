"""Wires what is about second factors."""

from datetime import timedelta

from common.keyring import Keyring
from common.mongo import Mongo
from identity.handlers import Identity
from identity.second_factors.clients import Totp
from identity.second_factors.handlers import SecondFactors
from identity.second_factors.storage import SEALED, SecondFactorStore
from identity.settings import Settings

__all__ = ["SEALED", "wire"]


def wire(settings: Settings, mongo: Mongo, identity: Identity) -> SecondFactors:
    """Its use cases."""
    totp = Totp(Keyring.parse(settings.identity_keyring))
    return SecondFactors(SecondFactorStore(mongo), totp, identity, timedelta(seconds=settings.challenge_seconds))
