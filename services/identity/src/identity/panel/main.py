"""Wires entry into client accounts: connections, entries and the panel."""

from datetime import timedelta

from fastapi import APIRouter

from common.events import PartnerChanged
from common.jobs import Job
from common.kafka.connection import Kafka
from common.kafka.subscribe import Subscription
from common.mongo import Mongo
from identity.connections import api as connections_api
from identity.connections import main as connections_main
from identity.entry import api as entry_api
from identity.entry import main as entry_main
from identity.handlers import Identity
from identity.keys.handlers import Keys
from identity.panel import api
from identity.panel.handlers import Panel
from identity.panel.jobs import forgetting
from identity.panel.storage import INDEXES as CODES
from identity.panel.storage import CodeStore
from identity.sessions.handlers import Sessions
from identity.settings import Settings

__all__ = ["INDEXES", "OPEN_WHILE_ACTING", "Panel", "jobs", "provides", "router", "subscriptions", "wire"]

INDEXES = [*CODES, *entry_main.INDEXES, *connections_main.INDEXES]
router = APIRouter()
for part in (connections_api, entry_api, api):
    router.include_router(part.router)
OPEN_WHILE_ACTING = frozenset(
    ("GET /partner", "GET /permissions", "GET /users", "GET /machines", "GET /entry", "POST /entry/leave")
)
"""All other routes are about access, credentials, second factors and sessions: nobody touches them who acts for another
(E6). A new route is one of those until it stands here."""


def wire(settings: Settings, mongo: Mongo, kafka: Kafka, identity: Identity, keys: Keys, sessions: Sessions) -> Panel:
    """Its use cases, on those of entries and connections."""
    connections = connections_main.wire(settings, mongo, identity)
    entries = entry_main.wire(settings, mongo, kafka, keys, sessions, connections)
    return Panel(CodeStore(mongo), entries, timedelta(seconds=settings.entry_code_seconds))


def provides(panel: Panel) -> tuple[object, ...]:
    """What the routes ask for."""
    return panel, panel.entries, panel.entries.connections


def subscriptions(panel: Panel, kafka: Kafka) -> list[Subscription[PartnerChanged]]:
    """What is read from Kafka."""
    return connections_main.subscriptions(panel.entries.connections, kafka)


def jobs(settings: Settings, panel: Panel) -> list[Job]:
    """What goes on beside requests."""
    return [*entry_main.jobs(settings, panel.entries), forgetting(panel)]
