"""Wires what is about reports."""

from datetime import timedelta

from common.jobs import Job, every
from common.kafka.connection import Kafka
from common.keyring import keys_in
from common.mongo import Mongo
from outbox.reports import handlers
from outbox.reports.domain import Budget
from outbox.reports.handlers import Reports
from outbox.reports.storage import INDEXES, ReportStore
from outbox.return_paths import ReturnPaths
from outbox.settings import Settings

__all__ = ["INDEXES", "jobs", "wire"]


def wire(settings: Settings, mongo: Mongo, kafka: Kafka) -> Reports:
    """Its use cases."""
    return Reports(
        store=ReportStore(mongo),
        kafka=kafka,
        return_paths=ReturnPaths(list(keys_in(settings.outbox_keyring).values())),
        budget=Budget(settings.reports_per_minute),
        wait=timedelta(minutes=settings.report_wait_minutes),
        most_bytes=settings.inbound_most_bytes,
    )


def jobs(reports: Reports) -> list[Job]:
    """What is done by time."""
    return [
        every(1.0, "early reports", lambda: handlers.look_again(reports)),
        every(0.5, "bounces", lambda: handlers.tell_bounces(reports)),
    ]
