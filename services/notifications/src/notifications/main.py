"""Wires notifications together."""

from datetime import timedelta

from fastapi import FastAPI

from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.service import service_app
from notifications import api, consumers, jobs
from notifications.handlers import Notifications
from notifications.kinds import Kinds
from notifications.settings import Settings
from notifications.storage import INDEXES, Store


def build(settings: Settings) -> FastAPI:
    """The app of notifications."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    notifications = Notifications(Store(mongo), Kinds(), kafka, timedelta(seconds=settings.wait_seconds))
    return service_app(
        settings, title="Switchboard notifications", mongo=mongo, kafka=kafka, indexes=INDEXES,
        routers=[api.router], subscriptions=consumers.subscriptions(notifications, kafka),
        jobs=[jobs.waiting_events(notifications, settings.wait_look_seconds)], provides=[notifications],
    )  # fmt: skip
