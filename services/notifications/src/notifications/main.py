"""Wires notifications together."""

from datetime import timedelta

from fastapi import FastAPI

from common.kafka.connection import Kafka
from common.keyring import keys_in
from common.logs import logger
from common.mongo import Mongo
from common.service import service_app
from notifications import api, consumers, jobs
from notifications.campaigns.handlers import Campaigns
from notifications.campaigns.storage import INDEXES as CAMPAIGN_INDEXES
from notifications.campaigns.storage import FanOuts
from notifications.digests.handlers import Digests
from notifications.digests.storage import INDEXES as DIGEST_INDEXES
from notifications.digests.storage import Collected
from notifications.handlers import Notifications
from notifications.kinds import api as kinds_api
from notifications.kinds.handlers import Kinds
from notifications.kinds.storage import KindStore
from notifications.links import Links
from notifications.outcomes.storage import INDEXES as OUTCOME_INDEXES
from notifications.outcomes.storage import Outcomes
from notifications.preferences import api as preferences_api
from notifications.preferences.handlers import Settings as PartnerSettings
from notifications.preferences.storage import Preferences
from notifications.settings import Settings
from notifications.storage import INDEXES, Store
from notifications.unsubscribing import api as unsubscribing_api
from notifications.unsubscribing.handlers import Unsubscribing

log = logger(__name__)


def build(settings: Settings) -> FastAPI:
    """The app of notifications."""
    mongo, kafka = Mongo(settings), Kafka(settings)
    links = _links(settings)
    store, kinds, preferences = Store(mongo, links), Kinds(KindStore(mongo)), Preferences(mongo)
    notifications = Notifications(store, Outcomes(mongo), kinds, kafka, timedelta(seconds=settings.wait_seconds))
    collected = Collected(mongo)
    campaigns = Campaigns(
        notifications, FanOuts(mongo), settings.campaign_partners_per_second, settings.campaign_partners_beside_urgent
    )
    return service_app(
        settings, name="notifications", mongo=mongo, kafka=kafka,
        indexes=[*INDEXES, *CAMPAIGN_INDEXES, *DIGEST_INDEXES, *OUTCOME_INDEXES],
        routers=[kinds_api.router, preferences_api.router, unsubscribing_api.router, api.router],
        subscriptions=consumers.subscriptions(notifications, campaigns, kafka),
        jobs=[
            jobs.waiting_events(notifications, settings.wait_look_seconds),
            jobs.fan_outs(campaigns, settings.campaign_look_seconds),
            jobs.digests(Digests(notifications, collected), settings.digest_look_seconds),
            jobs.forgetting(notifications.outcomes, timedelta(days=settings.events_kept_days)),
            jobs.forgetting_campaigns(campaigns, timedelta(days=settings.campaigns_kept_days)),
        ],
        provides=[
            notifications, kinds, PartnerSettings(notifications, preferences, collected),
            Unsubscribing(store, kinds, preferences, links),
        ],
    )  # fmt: skip


def _links(settings: Settings) -> Links:
    if not settings.public_url:
        log.warning("mails_have_no_unsubscribe_link", missing="PUBLIC_URL")
    keyring = settings.unsubscribe_keyring
    return Links(settings.public_url, list(keys_in(keyring).values()) if keyring.get_secret_value() else [])
