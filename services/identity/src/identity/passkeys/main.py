"""Wires what is about passkeys."""

from common.mongo import Mongo
from identity.challenges.handlers import Challenges
from identity.handlers import Identity
from identity.passkeys.clients import Webauthn
from identity.passkeys.handlers import Passkeys
from identity.passkeys.storage import INDEXES, PasskeyStore
from identity.settings import Settings

__all__ = ["INDEXES", "wire"]


def wire(settings: Settings, mongo: Mongo, identity: Identity, challenges: Challenges) -> Passkeys:
    """Its use cases."""
    webauthn = Webauthn(settings.account_url, settings.challenge_seconds)
    return Passkeys(PasskeyStore(mongo), webauthn, challenges, identity, settings.passkeys_per_user)
