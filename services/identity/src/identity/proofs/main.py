"""Wires what is about proofs: passwords, second factors and passkeys."""

from common.mongo import Mongo
from identity.challenges import main as challenges_main
from identity.handlers import Identity
from identity.passkeys import main as passkeys_main
from identity.proofs.handlers import Proofs
from identity.second_factors import main as second_factors_main
from identity.settings import Settings
from identity.throttling import main as throttling_main

__all__ = ["INDEXES", "wire"]

INDEXES = [*challenges_main.INDEXES, *passkeys_main.INDEXES, *throttling_main.INDEXES]


def wire(settings: Settings, mongo: Mongo, identity: Identity) -> Proofs:
    """Its use cases."""
    return Proofs(
        passwords=identity.passwords,
        second_factors=second_factors_main.wire(settings, mongo, identity),
        passkeys=passkeys_main.wire(settings, mongo, identity, challenges_main.wire(settings, mongo)),
        throttle=identity.throttle,
    )
