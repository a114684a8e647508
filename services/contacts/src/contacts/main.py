"""Wires contacts together."""

from fastapi import FastAPI

from common.events import ContactChanged
from common.jobs import Job
from common.kafka.connection import Kafka
from common.mongo import Document, Mongo
from common.relay import StateRelay
from common.service import service_app
from contacts.addresses import api as addresses_api
from contacts.addresses import storage as addresses
from contacts.coverage import api as coverage_api
from contacts.coverage.storage import Setup
from contacts.partners import consumers as partner_consumers
from contacts.partners.storage import Partners
from contacts.persons import api as persons_api
from contacts.persons import consumers as person_consumers
from contacts.persons import storage as persons
from contacts.persons.handlers import PersonDesk
from contacts.settings import Settings


def build(settings: Settings) -> FastAPI:
    """The app of contacts."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    partners, people = Partners(mongo), persons.Persons(mongo, settings.history_kept)
    relay = StateRelay(people.collection.of_all_partners, kafka, "/contacts", to_contact_changed)
    desk = PersonDesk(people, partners, relay, settings.persons_most)
    return service_app(
        settings, name="contacts", mongo=mongo, kafka=kafka,
        indexes=[*persons.INDEXES, *addresses.INDEXES],
        routers=[persons_api.router, addresses_api.router, coverage_api.router],
        subscriptions=[*partner_consumers.subscriptions(partners, kafka), *person_consumers.subscriptions(desk, kafka)],
        jobs=[Job("contact relay", relay.run)],
        provides=[desk, addresses.Addresses(mongo, settings.history_kept), Setup(mongo), settings],
        most_bytes=settings.import_max_bytes,
    )  # fmt: skip


def to_contact_changed(document: Document) -> ContactChanged:
    """The whole state of a person as others hear of it."""
    ids = {"partner_id": document["partner_id"], "person_id": document["_id"], "version": document["version"]}
    if document["deleted"]:
        return ContactChanged(**ids, deleted=True)
    personal = {name: document[name] for name in ("first_name", "last_name", "email", "phone", "roles")}
    return ContactChanged(**ids, **personal, undeliverable=(document["undeliverable"] or {}).get("words"))
