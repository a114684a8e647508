"""Wires what is about entries."""

from datetime import timedelta

from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.relay import StateRelay
from identity.connections.handlers import Connections
from identity.entry.handlers import Entries
from identity.entry.jobs import checking, forgetting
from identity.entry.storage import INDEXES, EntryStore, to_entry_ended
from identity.keys.handlers import Keys
from identity.sessions.handlers import Sessions
from identity.settings import Settings

__all__ = ["INDEXES", "jobs", "wire"]


def wire(
    settings: Settings, mongo: Mongo, kafka: Kafka, keys: Keys, sessions: Sessions, connections: Connections
) -> Entries:
    """Its use cases."""
    store = EntryStore(mongo)
    return Entries(
        store=store,
        connections=connections,
        sessions=sessions.store,
        keys=keys,
        relay=StateRelay(store.entries.of_all_partners, kafka, "/identity", to_entry_ended),
        life=timedelta(minutes=settings.entry_minutes),
        patience=timedelta(hours=settings.entry_confirmation_hours),
        kept=timedelta(days=settings.entries_kept_days),
    )


def jobs(settings: Settings, entries: Entries) -> list[Job]:
    """What goes on beside requests."""
    return [
        Job("entry relay", entries.relay.run),
        checking(entries, settings.entry_check_seconds),
        forgetting(entries),
    ]
