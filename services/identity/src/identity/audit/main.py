"""Wires the audit log."""

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
    return AuditLog(store, StateRelay(store.entries.of_all_partners, kafka, "/identity", to_audit_sealed))


def jobs(log: AuditLog) -> list[Job]:
    """What goes on beside requests."""
    return [Job("seal relay", log.relay.run)]
