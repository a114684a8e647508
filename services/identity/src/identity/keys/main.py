"""Wires what is about keys."""

from datetime import timedelta

from common.jobs import Job
from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.mongo import Mongo
from common.relay import StateRelay
from identity.keys.api import router
from identity.keys.clients import Signer
from identity.keys.handlers import Keys
from identity.keys.jobs import rotation
from identity.keys.storage import INDEXES, SEALED, KeyStore, to_key_changed
from identity.settings import Settings

__all__ = ["INDEXES", "SEALED", "Keys", "jobs", "router", "wire"]


def wire(settings: Settings, mongo: Mongo, kafka: Kafka) -> Keys:
    """Its use cases."""
    store, keyring = KeyStore(mongo), Keyring.parse(settings.identity_keyring)
    lifetime = timedelta(minutes=settings.token_minutes)
    longest = max(lifetime, timedelta(minutes=settings.entry_minutes))
    return Keys(
        store=store,
        signer=Signer(keyring, settings.token_issuer, settings.token_audience, lifetime, longest),
        relay=StateRelay(store.collection, kafka, "/identity", to_key_changed),
        age=timedelta(days=settings.key_days),
        overlap=timedelta(seconds=settings.key_overlap_seconds),
    )


def jobs(keys: Keys) -> list[Job]:
    """What goes on beside requests."""
    return [Job("key relay", keys.relay.run), rotation(keys)]
