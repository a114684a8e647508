"""Wires the outbox together."""

from datetime import timedelta

from fastapi import FastAPI

from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.mongo import Mongo
from common.service import service_app
from outbox import api, consumers, queue, storage
from outbox.delivery import Delivery, Rules
from outbox.handlers import Outbox
from outbox.jobs import jobs
from outbox.queue import Queue
from outbox.settings import Settings
from outbox.smtp import Network
from outbox.storage import Store


def build(settings: Settings) -> FastAPI:
    """The app of the outbox."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    store, work = Store(mongo), Queue(mongo)
    keyring = Keyring.parse(settings.outbox_keyring)
    rules = Rules(
        batch=settings.claim_batch,
        lease=timedelta(seconds=settings.lease_seconds),
        retry_delays=settings.retry_delays,
        max_age=timedelta(hours=settings.max_age_hours),
        smtp_timeout=settings.smtp_timeout_seconds,
        smtp_idle=settings.smtp_idle_seconds,
    )
    delivery = Delivery(work, store, kafka, keyring, Network(settings.inner_hosts), rules)
    outbox = Outbox(store, work, delivery, keyring, settings.ports, timedelta(days=settings.prune_after_days))
    return service_app(
        settings, title="Switchboard outbox", mongo=mongo, kafka=kafka, indexes=[*storage.INDEXES, *queue.INDEXES],
        routers=[api.router], subscriptions=consumers.subscriptions(outbox, kafka),
        jobs=jobs(outbox, settings.prune_look_seconds), provides=[outbox, settings],
    )  # fmt: skip
