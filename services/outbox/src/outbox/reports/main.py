"""Wires what is about reports."""

from datetime import timedelta

from common.jobs import Job, every, whenever
from common.kafka.connection import Kafka
from common.keyring import Keyring, keys_in
from common.mongo import Mongo
from outbox.report_urls import ReportUrls
from outbox.reports import handlers
from outbox.reports.domain import Budget
from outbox.reports.handlers import Limits, Reports
from outbox.reports.mailbox import Mailbox
from outbox.reports.storage import INDEXES, ReportStore
from outbox.return_paths import ReturnPaths
from outbox.settings import Settings
from outbox.storage import Store

__all__ = ["INDEXES", "jobs", "wire"]


def wire(settings: Settings, mongo: Mongo, kafka: Kafka) -> Reports:
    """Its use cases."""
    keys = list(keys_in(settings.outbox_keyring).values())
    return Reports(
        store=ReportStore(mongo),
        accounts=Store(mongo),
        keyring=Keyring.parse(settings.outbox_keyring),
        kafka=kafka,
        return_paths=ReturnPaths(keys),
        urls=ReportUrls(settings.public_url, keys),
        budget=Budget(settings.reports_per_minute),
        limits=Limits(
            most_bytes_of_mail=settings.inbound_most_bytes,
            most_bytes=settings.report_most_bytes,
            wait=timedelta(minutes=settings.report_wait_minutes),
            window=settings.report_window_seconds,
        ),
    )


def jobs(reports: Reports, settings: Settings) -> list[Job]:
    """What is done by time."""
    work = [
        every(2.0, "early reports", lambda: handlers.look_again(reports)),
        whenever(reports.bounced, "bounces", lambda: handlers.tell_bounces(reports)),
    ]
    if not settings.imap_host:
        return work
    mailbox = Mailbox(
        host=settings.imap_host,
        port=settings.imap_port,
        tls=settings.imap_tls,
        username=settings.imap_username,
        password=settings.imap_password.get_secret_value(),
        folder=settings.imap_folder,
        timeout=settings.imap_timeout_seconds,
    )
    return [*work, every(settings.imap_look_seconds, "mailbox", lambda: handlers.empty_mailbox(reports, mailbox))]
