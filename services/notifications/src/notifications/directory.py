"""What is known of partners and people when a batch of one kind is resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from common.mongo import Document
from notifications.domain import DEFAULT_ENTRIES, MANAGER, ByEmail, ByRole, Entry, Partner, Person


@dataclass(frozen=True)
class Directory:
    """What is needed to resolve a batch: partners, the settings of one kind, and the people who matter for them."""

    partners: Mapping[str, Partner]
    entries: Mapping[str, tuple[Entry, ...]]
    people: Mapping[str, list[Person]]
    mutes: Mapping[str, datetime]

    def entries_of(self, partner_id: str) -> tuple[Entry, ...]:
        return self.entries.get(partner_id, DEFAULT_ENTRIES)

    def people_of(self, partner_id: str) -> list[Person]:
        return self.people.get(partner_id, [])

    def muted_until(self, partner_id: str, now: datetime) -> datetime | None:
        """Until when the partner wants to hear nothing of this kind; None when it does."""
        until = self.mutes.get(partner_id)
        return until if until and now < until else None


def those_who_matter(partner_ids: list[str], entries: Iterable[tuple[Entry, ...]]) -> Document:
    """People of these partners who hold a listed role, may stand in, or own a listed address."""
    listed = [entry for one in entries for entry in one]
    roles = list({MANAGER, *(entry.role for entry in listed if isinstance(entry, ByRole))})
    emails = list({entry.email.casefold() for entry in listed if isinstance(entry, ByEmail)})
    by_role: Document = {"partner_id": {"$in": partner_ids}, "roles": {"$in": roles}}
    return (
        {"$or": [by_role, {"partner_id": {"$in": partner_ids}, "folded_email": {"$in": emails}}]} if emails else by_role
    )
