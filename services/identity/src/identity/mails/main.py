"""Wires what is about mails."""

from datetime import timedelta

from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.mongo import Mongo
from identity.mails.domain import LetterKind
from identity.mails.handlers import Mails
from identity.mails.jobs import sending
from identity.mails.storage import INDEXES, SEALED, LetterStore
from identity.settings import Settings

__all__ = ["INDEXES", "SEALED", "sending", "wire"]


def wire(settings: Settings, mongo: Mongo, kafka: Kafka) -> Mails:
    """Its use cases."""
    lifetimes = {
        LetterKind.INVITATION: timedelta(hours=settings.invitation_hours),
        LetterKind.PASSWORD_RESET: timedelta(minutes=settings.password_reset_minutes),
        LetterKind.EMAIL: timedelta(hours=settings.email_confirmation_hours),
    }
    return Mails(
        store=LetterStore(mongo),
        kafka=kafka,
        keyring=Keyring.parse(settings.identity_keyring),
        pages=settings.account_url.rstrip("/"),
        lifetimes=lifetimes,
        platform=settings.platform_partner,
    )
