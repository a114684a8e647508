"""Wires what is about machines."""

from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.relay import StateRelay
from identity.keys.handlers import Keys
from identity.machines.api import router
from identity.machines.handlers import Machines
from identity.machines.storage import INDEXES, MachineStore, to_access_revoked

__all__ = ["INDEXES", "Machines", "jobs", "router", "wire"]


def wire(mongo: Mongo, kafka: Kafka, keys: Keys) -> Machines:
    """Its use cases."""
    store = MachineStore(mongo)
    return Machines(store, keys, StateRelay(store.machines.of_all_partners, kafka, "/identity", to_access_revoked))


def jobs(machines: Machines) -> list[Job]:
    """What goes on beside requests."""
    return [Job("machine relay", machines.relay.run)]
