"""Wires crm together."""

from fastapi import FastAPI

from common.kafka.connection import Kafka
from common.mongo import Mongo
from common.service import service_app
from crm.records import api as records_api
from crm.records import storage as records
from crm.settings import Settings
from crm.timeline import api as timeline_api
from crm.timeline import storage as timeline
from crm.timeline.consumers import subscriptions


def build(settings: Settings) -> FastAPI:
    """The app of crm."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    store, entries = records.RecordStore(mongo), timeline.TimelineStore(mongo)
    return service_app(
        settings, name="crm", mongo=mongo, kafka=kafka, indexes=[*records.INDEXES, *timeline.INDEXES],
        routers=[records_api.router, timeline_api.router], subscriptions=subscriptions(entries, kafka),
        provides=[store, entries],
    )  # fmt: skip
