"""Wires contacts together."""

from fastapi import FastAPI

from common.events import ContactChanged
from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Document, Mongo
from common.relay import StateRelay
from common.service import service_app
from contacts import api, consumers
from contacts.handlers import Contacts
from contacts.settings import Settings
from contacts.storage import INDEXES, Store


def build(settings: Settings) -> FastAPI:
    """The app of contacts."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    store = Store(mongo)
    relay = StateRelay(store.persons.of_all_partners, kafka, "/contacts", to_contact_changed)
    contacts = Contacts(store, relay)
    return service_app(
        settings, title="Switchboard contacts", mongo=mongo, kafka=kafka, indexes=INDEXES, routers=[api.router],
        subscriptions=consumers.subscriptions(contacts, kafka), jobs=[Job("contact relay", relay.run)],
        provides=[contacts],
    )  # fmt: skip


def to_contact_changed(document: Document) -> ContactChanged:
    """The whole state of a person as others hear of it."""
    ids = {"partner_id": document["partner_id"], "person_id": document["_id"], "version": document["version"]}
    if document["deleted"]:
        return ContactChanged(**ids, deleted=True)
    personal = {name: document[name] for name in ("first_name", "last_name", "email", "phone", "roles")}
    return ContactChanged(**ids, **personal)
