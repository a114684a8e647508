"""Wires identity together."""

from datetime import timedelta

from fastapi import FastAPI

from common.events import PartnerChanged, SigningKeyChanged
from common.jobs import Job
from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.mongo import Document, Mongo
from common.relay import StateRelay
from common.service import service_app
from identity import api, jobs
from identity.clients import Passwords, Signer
from identity.handlers import Identity
from identity.settings import Settings
from identity.storage import INDEXES, Store


def wire(settings: Settings) -> tuple[Identity, Mongo, Kafka]:
    """Identity's use cases, and the connections they use; also for commands."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    store = Store(mongo)
    lifetime = timedelta(minutes=settings.token_minutes)
    keyring = Keyring.parse(settings.identity_keyring)
    identity = Identity(
        store=store,
        passwords=Passwords(settings.hashes_at_once),
        signer=Signer(keyring, settings.token_issuer, settings.token_audience, lifetime),
        partner_relay=StateRelay(store.partners.of_all_partners, kafka, "/identity", to_partner_changed),
        key_relay=StateRelay(store.keys, kafka, "/identity", to_key_changed),
        key_age=timedelta(days=settings.key_days),
        key_overlap=timedelta(seconds=settings.key_overlap_seconds),
    )
    return identity, mongo, kafka


def build(settings: Settings) -> FastAPI:
    """Identity's app."""
    identity, mongo, kafka = wire(settings)
    relays = [Job("partner relay", identity.partner_relay.run), Job("key relay", identity.key_relay.run)]
    return service_app(
        settings, name="identity", mongo=mongo, kafka=kafka, indexes=INDEXES, routers=[api.router],
        jobs=[*relays, jobs.key_rotation(identity)], provides=[identity],
    )  # fmt: skip


def to_partner_changed(document: Document) -> PartnerChanged:
    fields = {name: document[name] for name in ("version", "name", "language", "country", "owner_email", "categories")}
    return PartnerChanged(partner_id=document["_id"], **fields)


def to_key_changed(document: Document) -> SigningKeyChanged:
    fields = {name: document[name] for name in ("version", "public_key", "trusted_until")}
    return SigningKeyChanged(kid=document["_id"], **fields)
