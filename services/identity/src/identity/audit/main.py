"""Wires the audit log."""

from common.audit.jobs import APART_SECONDS
from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.relay import StateRelay
from identity.audit.api import router
from identity.audit.consumers import subscriptions
from identity.audit.handlers import AuditLog
from identity.audit.storage import INDEXES, AuditStore, to_audit_sealed

__all__ = ["INDEXES", "AuditLog", "jobs", "router", "subscriptions", "wire"]


def wire(mongo: Mongo, kafka: Kafka) -> AuditLog:
    """Its use cases."""
    store = AuditStore(mongo)
    entries = store.entries.of_all_partners
    return AuditLog(store, StateRelay(entries, kafka, "/identity", to_audit_sealed, apart=APART_SECONDS))


def jobs(log: AuditLog) -> list[Job]:
    """What goes on beside requests."""
    return [Job("seal relay", log.relay.run)]
