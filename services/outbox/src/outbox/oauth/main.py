"""Wires what is about access tokens."""

from common.keyring import Keyring
from common.mongo import Mongo
from outbox.connect import Network
from outbox.oauth.fetching import Endpoints
from outbox.oauth.handlers import AccessTokens
from outbox.oauth.storage import GrantStore
from outbox.settings import Settings


def wire(settings: Settings, mongo: Mongo, keyring: Keyring, network: Network) -> AccessTokens:
    """Its use cases."""
    endpoints = Endpoints(network, settings.token_origins, settings.oauth_timeout_seconds)
    return AccessTokens(GrantStore(mongo), keyring, endpoints, settings.oauth_early_seconds)
