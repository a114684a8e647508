"""Wires the outbox together."""

from datetime import timedelta

from fastapi import FastAPI

from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.mongo import Mongo
from common.service import service_app
from outbox import announcements, api, consumers, gateways, queue, storage
from outbox.announcements import Announcements
from outbox.attachments import api as attachments_api
from outbox.attachments import main as attachments_main
from outbox.composing import Composing
from outbox.connect import Network
from outbox.delivery import Delivery, Rules
from outbox.domain import Places
from outbox.domains import api as domains_api
from outbox.domains import storage as domain_storage
from outbox.domains.handlers import Domains
from outbox.domains.storage import DomainStore
from outbox.handlers import Outbox
from outbox.jobs import jobs
from outbox.oauth import main as oauth_main
from outbox.providers import Providers
from outbox.queue import Queue
from outbox.rates.storage import RateStore
from outbox.reports import api as reports_api
from outbox.reports import main as reports_main
from outbox.results import Results, RetryRules
from outbox.settings import Settings
from outbox.smtp import Patience
from outbox.stops import storage as stops_storage
from outbox.stops.handlers import Stops
from outbox.stops.storage import StopStore
from outbox.storage import Store

PARTS = (storage, queue, announcements, stops_storage, attachments_main, domain_storage, reports_main)
INDEXES = [index for part in PARTS for index in part.INDEXES]
SEALED = [*storage.SEALED, *domain_storage.SEALED]


def build(settings: Settings) -> FastAPI:
    """The app of the outbox."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    store, work, kept = Store(mongo), Queue(mongo), Announcements(mongo)
    keyring = Keyring.parse(settings.outbox_keyring)
    rules = Rules(
        batch=settings.claim_batch,
        lease=timedelta(seconds=settings.lease_seconds),
        idle_seconds=settings.smtp_idle_seconds,
        refused_rest=settings.refused_rest_seconds,
        beside_urgent=settings.beside_urgent_per_second,
    )
    retries = RetryRules(settings.retry_delays, timedelta(hours=settings.max_age_hours), settings.stop_after_refusals)
    results = Results(work, kept, store, kafka, retries)
    mail_servers, domains = Network(settings.inner_hosts), Domains(DomainStore(mongo), keyring)
    attachments = attachments_main.wire(settings, mongo, mail_servers)
    reports = reports_main.wire(settings, mongo, kafka)
    gateway_rules = gateways.Rules(
        Network(settings.inner_gateways), settings.gateway_timeout_seconds, settings.gateway_longest_wait_seconds
    )
    tokens = oauth_main.wire(settings, mongo, keyring, gateway_rules.network)
    patience = Patience(settings.smtp_timeout_seconds, settings.smtp_content_timeout_seconds)
    providers = Providers(keyring, mail_servers, patience, gateway_rules, reports.urls, tokens)
    composing = Composing(attachments, domains, reports.return_paths)
    delivery = Delivery(work, store, RateStore(mongo), results, providers, composing, rules)
    places = Places(settings.ports, settings.ports_of_gateways, settings.inner_gateways, settings.token_origins)
    outbox = Outbox(
        store, work, kept, delivery, keyring, places, timedelta(days=settings.prune_after_days),
        timedelta(days=settings.deleted_kept_days), attachments,
    )  # fmt: skip
    stops = Stops(StopStore(mongo), outbox, settings.platform_partner)
    return service_app(
        settings, name="outbox", mongo=mongo, kafka=kafka, indexes=INDEXES,
        routers=[api.router, attachments_api.router, domains_api.router, reports_api.router],
        subscriptions=consumers.subscriptions(outbox, stops, kafka),
        jobs=[
            *jobs(outbox, stops, settings.prune_look_seconds, settings.attachments_look_seconds),
            *reports_main.jobs(reports, settings),
        ],
        provides=[outbox, attachments, domains, reports, settings],
        most_bytes=settings.report_most_bytes,
        most_bytes_at=settings.most_bytes_streamed,
    )  # fmt: skip
