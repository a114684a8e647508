"""What the reader of a mail does with its link: look, and unsubscribe from the kind (A6)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from common.errors import NotFound
from notifications.domain import Partner
from notifications.kinds.domain import Kind
from notifications.kinds.handlers import Kinds
from notifications.links import Links, Subscription
from notifications.preferences.storage import Preferences
from notifications.storage import Store


class UnknownLink(NotFound):
    """No key of ours signed it, or there is nothing to unsubscribe from; the two are not told apart."""

    code, title = "unknown-unsubscribe-link", "This link unsubscribes from nothing"


@dataclass
class Unsubscribing:
    """What the use cases work with."""

    store: Store
    kinds: Kinds
    preferences: Preferences
    links: Links


@dataclass(frozen=True, slots=True)
class Meant:
    """What a link is about."""

    subscription: Subscription
    kind: Kind
    partner: Partner


async def understand(unsubscribing: Unsubscribing, token: str) -> Meant:
    """What a link is about. Raises UnknownLink."""
    subscription = unsubscribing.links.read(token)
    if subscription is not None:
        kind = (await unsubscribing.kinds.current()).kinds.get(subscription.kind)
        partner = await unsubscribing.store.partner(subscription.partner_id)
        if kind is not None and kind.can_unsubscribe and partner is not None:
            return Meant(subscription, kind, partner)
    raise UnknownLink("Use the link as it stands in the newest message that you got.")


async def unsubscribe(unsubscribing: Unsubscribing, token: str) -> Meant:
    """Send the kind to this address no more; repeating it changes nothing. Raises UnknownLink."""
    meant = await understand(unsubscribing, token)
    await unsubscribing.preferences.unsubscribe(meant.subscription, datetime.now(UTC))
    return meant
