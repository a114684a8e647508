"""Wires identity together; each subject's own part is in its `main.py`."""

from dataclasses import dataclass

from fastapi import FastAPI

from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.relay import StateRelay
from common.service import service_app
from identity import api, storage
from identity.account import main as account_main
from identity.audit import main as audit_main
from identity.handlers import Identity
from identity.keys import main as keys_main
from identity.machines import main as machines_main
from identity.mails import main as mails_main
from identity.panel import main as panel_main
from identity.passwords.clients import Passwords
from identity.passwords.domain import Limits
from identity.proofs import main as proofs_main
from identity.revocation.jobs import Heart, heartbeat
from identity.second_factors import main as second_factors_main
from identity.sessions import main as sessions_main
from identity.settings import Settings
from identity.throttling import main as throttling_main
from identity.tokens import api as tokens_api

PARTS = (sessions_main, keys_main, machines_main, account_main, panel_main, audit_main)
ROUTERS = [tokens_api.router, *(part.router for part in PARTS), api.router]
INDEXES = [index for part in (storage, *PARTS) for index in part.INDEXES]
SEALED = [one for part in (keys_main, sessions_main, second_factors_main, mails_main) for one in part.SEALED]


@dataclass(frozen=True)
class Wired:
    """Identity's use cases, and the connections they use; also for commands."""

    identity: Identity
    keys: keys_main.Keys
    sessions: sessions_main.Sessions
    machines: machines_main.Machines
    account: account_main.Account
    panel: panel_main.Panel
    audit: audit_main.AuditLog
    mongo: Mongo
    kafka: Kafka


def wire(settings: Settings) -> Wired:
    """Nothing is connected to yet."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    store = storage.Store(mongo)
    identity = Identity(
        store=store,
        passwords=Passwords(Limits(settings.hashes_at_once, settings.hashes_waiting, settings.hashes_wait_seconds)),
        mails=mails_main.wire(settings, mongo, kafka),
        throttle=throttling_main.wire(settings, mongo),
        partner_relay=StateRelay(store.partners.of_all_partners, kafka, "/identity", storage.to_partner_changed),
        user_relay=StateRelay(store.users.of_all_partners, kafka, "/identity", storage.to_access_revoked),
    )  # fmt: skip
    keys = keys_main.wire(settings, mongo, kafka)
    sessions = sessions_main.wire(settings, mongo, kafka, identity, keys, proofs_main.wire(settings, mongo, identity))
    account, audit = account_main.wire(mongo, identity, sessions), audit_main.wire(mongo, kafka)
    panel = panel_main.wire(settings, mongo, kafka, identity, keys, sessions)
    machines = machines_main.wire(settings, mongo, kafka, store, keys, sessions.proofs.throttle)
    return Wired(identity, keys, sessions, machines, account, panel, audit, mongo, kafka)


def build(settings: Settings) -> FastAPI:
    """Identity's app."""
    it = wire(settings)
    revoking = (it.identity.user_relay, it.sessions.relay, it.machines.relay, it.panel.entries.relay)
    jobs = [
        Job("partner relay", it.identity.partner_relay.run), Job("user relay", it.identity.user_relay.run),
        *keys_main.jobs(it.keys), *sessions_main.jobs(it.sessions), *machines_main.jobs(it.machines),
        *account_main.jobs(it.account), *panel_main.jobs(settings, it.panel), *audit_main.jobs(it.audit),
        heartbeat(Heart(revoking, it.kafka), settings.heartbeat_seconds),
    ]  # fmt: skip
    provides = (it.identity, it.keys, it.sessions, it.machines, it.audit, *account_main.provides(it.account))
    reads = (*panel_main.subscriptions(it.panel, it.kafka), *audit_main.subscriptions(it.audit, it.kafka))
    return service_app(
        settings, name="identity", mongo=it.mongo, kafka=it.kafka, indexes=INDEXES, routers=ROUTERS, jobs=jobs,
        provides=[*provides, *panel_main.provides(it.panel)], subscriptions=reads,
        open_while_acting=panel_main.OPEN_WHILE_ACTING, records_everybody=True,
    )  # fmt: skip
