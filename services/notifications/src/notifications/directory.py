"""What is known of partners and people when a batch of one kind is resolved."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from common.mongo import Document
from notifications.domain import MANAGER, Addressed, ByEmail, ByRole, Closed, Entry, Partner, Person
from notifications.kinds.domain import Kind, Words
from notifications.links import NO_LINKS, Links, Subscription
from notifications.quiet_hours import QuietHours


@dataclass(frozen=True)
class Preference:
    """What a partner set for a kind; what was never set is None or empty."""

    entries: tuple[Entry, ...] | None = None
    muted_until: datetime | None = None
    words: Mapping[str, Words] = field(default_factory=lambda: {})
    digest_minutes: int | None = None


_NOTHING_SET = Preference()
_OPEN = Closed()


@dataclass(frozen=True)
class Directory:
    """What is needed to resolve a batch of `kind`: partners, their settings, and the people who matter for them."""

    kind: Kind
    partners: Mapping[str, Partner]
    preferences: Mapping[str, Preference] = field(default_factory=lambda: {})
    people: Mapping[str, list[Person]] = field(default_factory=lambda: {})
    closed: Mapping[str, Closed] = field(default_factory=lambda: {})
    quiet_hours: Mapping[str, QuietHours] = field(default_factory=lambda: {})
    links: Links = NO_LINKS

    def of(self, partner_id: str) -> Preference:
        return self.preferences.get(partner_id, _NOTHING_SET)

    def entries_of(self, partner_id: str) -> tuple[Entry, ...]:
        return self.of(partner_id).entries or self.kind.default_entries

    def people_of(self, partner_id: str) -> list[Person]:
        return self.people.get(partner_id, [])

    def closed_to(self, partner_id: str) -> Closed:
        return self.closed.get(partner_id, _OPEN)

    def muted_until(self, partner_id: str, now: datetime) -> datetime | None:
        """Until when the partner wants to hear nothing of this kind; None when it does."""
        until = self.of(partner_id).muted_until
        return until if until and now < until else None

    def quiet_until(self, partner_id: str, now: datetime) -> datetime | None:
        """When the partner's quiet hours end; None outside of them."""
        hours = self.quiet_hours.get(partner_id)
        return hours.ends(now) if hours else None

    def unsubscribe_url(self, partner_id: str, to: Addressed) -> str:
        """With what the reader of this message unsubscribes from the kind; empty where he cannot."""
        if not self.kind.can_unsubscribe or to.channel != "email":
            return ""
        return self.links.to(Subscription(partner_id, self.kind.id, to.address.casefold()))


def those_who_matter(kind: Kind, partner_ids: list[str], entries: Iterable[tuple[Entry, ...]]) -> Document:
    """People of these partners who hold a listed role, may stand in, or own a listed address."""
    listed = [entry for one in entries for entry in one]
    roles = list({MANAGER, kind.default_role, *(entry.role for entry in listed if isinstance(entry, ByRole))})
    emails = list({entry.email.casefold() for entry in listed if isinstance(entry, ByEmail)})
    by_role: Document = {"partner_id": {"$in": partner_ids}, "roles": {"$in": roles}}
    return (
        {"$or": [by_role, {"partner_id": {"$in": partner_ids}, "folded_email": {"$in": emails}}]} if emails else by_role
    )
