"""What contacts does when a partner changed."""

from collections.abc import Sequence

from common.events import PartnerChanged, Received
from contacts.partners.storage import Partners


async def keep(partners: Partners, events: Sequence[Received[PartnerChanged]]) -> None:
    """Know each partner's country: the region of phone numbers without a prefix."""
    await partners.keep([event.data for event in events])
