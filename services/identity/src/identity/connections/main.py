"""Wires what is about connections."""

from datetime import timedelta

from common.mongo import Mongo
from identity.connections.consumers import subscriptions
from identity.connections.handlers import Connections
from identity.connections.storage import INDEXES, ConnectionStore
from identity.handlers import Identity
from identity.settings import Settings

__all__ = ["INDEXES", "subscriptions", "wire"]


def wire(settings: Settings, mongo: Mongo, identity: Identity) -> Connections:
    """Its use cases."""
    longest = timedelta(days=settings.access_days)
    return Connections(ConnectionStore(mongo), identity, longest)
