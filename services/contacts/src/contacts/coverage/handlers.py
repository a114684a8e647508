"""The use cases of coverage."""

from contacts.coverage.domain import Coverage, coverage
from contacts.coverage.storage import Setup


async def look(setup: Setup, partner_id: str) -> Coverage:
    """What the partner's setup still lacks (A4); of a new partner, everything."""
    held, used = await setup.held_and_used(partner_id)
    return coverage(held, used)
