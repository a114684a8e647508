"""Wires what is about attempts."""

from common.mongo import Mongo
from identity.settings import Settings
from identity.throttling.domain import Budget
from identity.throttling.handlers import Throttle
from identity.throttling.storage import INDEXES, AttemptStore

__all__ = ["INDEXES", "wire"]


def wire(settings: Settings, mongo: Mongo) -> Throttle:
    """Its use cases."""
    seconds = settings.sign_in_try_seconds
    account = Budget(settings.sign_in_tries, seconds)
    address = Budget(settings.sign_in_tries_per_address, seconds)
    return Throttle(AttemptStore(mongo), account, address, Budget(settings.mails_per_address, settings.mail_seconds))
