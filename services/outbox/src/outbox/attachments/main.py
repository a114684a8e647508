"""Wires what is about attachments."""

from datetime import timedelta

from common.mongo import Mongo
from outbox.attachments.domain import Limits
from outbox.attachments.fetching import Fetcher
from outbox.attachments.handlers import Attachments
from outbox.attachments.storage import INDEXES, Files
from outbox.connect import Network
from outbox.settings import Settings

__all__ = ["INDEXES", "wire"]


def wire(settings: Settings, mongo: Mongo, network: Network) -> Attachments:
    """Its use cases."""
    limits = Limits(
        most_bytes=settings.attachment_most_bytes,
        most=settings.attachments_most,
        most_bytes_in_all=settings.attachments_most_bytes,
        types=settings.media_types,
        seconds=settings.attachment_seconds,
    )
    fetcher = Fetcher(network, settings.attachment_origins)
    return Attachments(Files(mongo), fetcher, limits, timedelta(hours=settings.attachments_kept_hours))
