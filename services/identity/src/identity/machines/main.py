"""Wires what is about machines."""

from datetime import timedelta

from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.relay import StateRelay
from identity.keys.handlers import Keys
from identity.machines.api import router
from identity.machines.domain import Demands
from identity.machines.handlers import Machines
from identity.machines.jobs import forgetting
from identity.machines.storage import INDEXES, AssertionStore, MachineStore, to_access_revoked
from identity.settings import Settings
from identity.storage import Store
from identity.throttling.handlers import Throttle

__all__ = ["INDEXES", "Machines", "jobs", "router", "wire"]


def wire(settings: Settings, mongo: Mongo, kafka: Kafka, users: Store, keys: Keys, throttle: Throttle) -> Machines:
    """Its use cases."""
    store = MachineStore(mongo)
    return Machines(
        store=store,
        users=users,
        assertions=AssertionStore(mongo),
        throttle=throttle,
        keys=keys,
        relay=StateRelay(store.machines.of_all_partners, kafka, "/identity", to_access_revoked),
        demands=Demands(
            frozenset((keys.signer.issuer, keys.signer.token_endpoint)),
            leeway=timedelta(seconds=settings.token_leeway_seconds),
            longest=timedelta(seconds=settings.assertion_seconds),
        ),
        most_keys=settings.keys_per_machine,
    )


def jobs(machines: Machines) -> list[Job]:
    """What goes on beside requests."""
    return [Job("machine relay", machines.relay.run), forgetting(machines)]
