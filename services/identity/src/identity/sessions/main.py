"""Wires what is about sessions."""

from datetime import timedelta

from common.jobs import Job
from common.kafka.connection import Kafka
from common.keyring import Keyring
from common.mongo import Mongo
from common.relay import StateRelay
from identity.challenges.jobs import forgetting as forgetting_challenges
from identity.handlers import Identity
from identity.keys.handlers import Keys
from identity.proofs.handlers import Proofs
from identity.sessions.api import router
from identity.sessions.domain import Lifetime
from identity.sessions.handlers import Sessions
from identity.sessions.jobs import forgetting
from identity.sessions.storage import INDEXES, SEALED, SessionStore, to_session_ended
from identity.settings import Settings
from identity.throttling.jobs import forgetting as forgetting_attempts

__all__ = ["INDEXES", "SEALED", "Sessions", "jobs", "router", "wire"]


def wire(settings: Settings, mongo: Mongo, kafka: Kafka, identity: Identity, keys: Keys, proofs: Proofs) -> Sessions:
    """Its use cases."""
    store = SessionStore(mongo)
    return Sessions(
        store=store,
        users=identity.store,
        keys=keys,
        proofs=proofs,
        keyring=Keyring.parse(settings.identity_keyring),
        relay=StateRelay(store.sessions.of_all_partners, kafka, "/identity", to_session_ended),
        user_relay=identity.user_relay,
        lifetime=Lifetime(
            idle=timedelta(days=settings.session_idle_days),
            whole=timedelta(days=settings.session_days),
            fresh=timedelta(minutes=settings.fresh_sign_in_minutes),
        ),
        grace=timedelta(seconds=settings.refresh_grace_seconds),
        most=settings.sessions_per_user,
        staff_second_factor=settings.staff_second_factor,
    )


def jobs(sessions: Sessions) -> list[Job]:
    """What goes on beside requests."""
    return [
        Job("session relay", sessions.relay.run),
        forgetting(sessions),
        forgetting_attempts(sessions.proofs.throttle),
        forgetting_challenges(sessions.challenges),
    ]
