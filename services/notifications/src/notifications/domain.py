"""Who receives what, and why (A6–A9). Pure rules: no I/O, no framework.

Read `resolve` first, then `next_in_chain`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.errors import Invalid, NotFound
from common.events import Role
from common.ids import computed_id

MANAGER: Role = "manager"
MOST_ENTRIES = 10


class UnknownKind(NotFound):
    """No kind of notification has this name."""

    code, title = "unknown-kind", "There is no such kind of notification"


class TooManyEntries(Invalid):
    """More than ten entries (A6)."""

    code, title = "too-many-entries", "At most 10 roles and addresses in all"


class Nobody(Exception):
    """Nobody can be told, not even the owner: the event waits until somebody can (A8)."""


@dataclass(frozen=True, slots=True)
class ByRole:
    """Everybody who holds the role at that moment."""

    role: Role


@dataclass(frozen=True, slots=True)
class ByEmail:
    """This address, whoever it belongs to."""

    email: str


Entry = ByRole | ByEmail
DEFAULT_ENTRIES: tuple[Entry, ...] = (ByRole(MANAGER),)


@dataclass(frozen=True, slots=True)
class Person:
    """A contact person as notifications knows him."""

    id: str
    name: str
    email: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner as notifications knows it."""

    id: str
    name: str
    language: str
    owner_email: str | None


class Why(StrEnum):
    """The reasons for being a recipient; stable codes, shown in words by `words`."""

    HOLDS_ROLE = "holds_role"
    LISTED = "listed"
    MANAGER_STANDS_IN = "manager_stands_in"
    OWNER_STANDS_IN = "owner_stands_in"
    ESCALATED_TO_MANAGER = "escalated_to_manager"
    ESCALATED_TO_OWNER = "escalated_to_owner"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is a recipient; `roles` are those that it is about."""

    why: Why
    roles: tuple[Role, ...] = ()

    def words(self) -> str:
        roles = ", ".join(self.roles)
        match self.why:
            case Why.HOLDS_ROLE:
                return f"holds the role {roles}"
            case Why.LISTED:
                return "listed by e-mail"
            case Why.MANAGER_STANDS_IN:
                return f"nobody holds {roles}: the manager stands in"
            case Why.OWNER_STANDS_IN if self.roles == (MANAGER,):
                return "there is no manager: the owner stands in"
            case Why.OWNER_STANDS_IN:
                return f"nobody holds {roles}, nor is there a manager: the owner stands in"
            case Why.ESCALATED_TO_MANAGER:
                return "the message could not be delivered: escalated to the manager"
            case Why.ESCALATED_TO_OWNER:
                return "the message could not be delivered: escalated to the owner"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets the message, once, with every reason for it."""

    address: str
    name: str
    person_id: str | None
    reasons: tuple[Reason, ...]


def resolve(entries: Sequence[Entry], people: Iterable[Person], partner: Partner) -> list[Recipient]:
    """Who gets a message of a kind whose settings are `entries`, and why: never nobody, never one person twice.

    Roles mean whoever of `people` holds them now (A7). Where nobody holds the listed roles and no address is listed,
    the managers stand in, then the owner (A8). Raises Nobody when there is not even an owner's address.
    """
    people = list(people)
    found = _Recipients()
    for entry in entries:
        match entry:
            case ByRole(role):
                for person in people:
                    if role in person.roles:
                        found.add(person, Reason(Why.HOLDS_ROLE, (role,)))
            case ByEmail(email):
                found.add_address(email, people, Reason(Why.LISTED))
    if found:
        return found.all()
    roles: tuple[Role, ...] = tuple(entry.role for entry in entries if isinstance(entry, ByRole))
    return _stand_ins(people, partner, Reason(Why.MANAGER_STANDS_IN, roles), Reason(Why.OWNER_STANDS_IN, roles))


def next_in_chain(
    level: int, failed_address: str, people: Iterable[Person], partner: Partner
) -> tuple[int, list[Recipient]]:
    """Who is told that a message could not be delivered, and on which level of the chain they stand (A8).

    `level` is that of the failed message: 0 for an ordinary one, 1 when it was for the manager in another's place, 2
    when for the owner. The level grows with each step and ends at 2, so there is no loop. Whoever just failed is left
    out. An empty list: nobody is left.
    """
    failed = failed_address.casefold()
    if level < 1:
        found = _Recipients()
        for person in people:
            if MANAGER in person.roles and person.email.casefold() != failed:
                found.add(person, Reason(Why.ESCALATED_TO_MANAGER))
        if found:
            return 1, found.all()
    owner = partner.owner_email
    if level < 2 and owner and owner.casefold() != failed:
        return 2, [Recipient(owner, "", None, (Reason(Why.ESCALATED_TO_OWNER),))]
    return 2, []


def fold(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries without repetitions, addresses compared without case. Raises TooManyEntries."""
    folded: dict[str, Entry] = {}
    for entry in entries:
        key = f"role:{entry.role}" if isinstance(entry, ByRole) else entry.email.casefold()
        folded.setdefault(key, entry)
    if len(folded) > MOST_ENTRIES:
        raise TooManyEntries(f"There are {len(folded)}; leave out {len(folded) - MOST_ENTRIES}.")
    return tuple(folded.values())


def at(data: Mapping[str, Any], pointer: str) -> Any:
    """What a JSON Pointer (RFC 6901, members only) names in `data`; None when it is not there."""
    value: Any = data
    for part in pointer.split("/")[1:]:
        value = value.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(value, Mapping) else None
    return value


def _stand_ins(people: Iterable[Person], partner: Partner, manager: Reason, owner: Reason) -> list[Recipient]:
    found = _Recipients()
    for person in people:
        if MANAGER in person.roles:
            found.add(person, manager)
    if not found:
        if not partner.owner_email:
            raise Nobody
        found.add_address(partner.owner_email, people, owner)
    return found.all()


class _Recipients:
    """Recipients by address without case, each with all its reasons."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, Person | None, list[Reason]]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, person: Person, reason: Reason) -> None:
        self._add(person.email, person, reason)

    def add_address(self, address: str, people: Iterable[Person], reason: Reason) -> None:
        folded = address.casefold()
        owner = next((person for person in people if person.email.casefold() == folded), None)
        self._add(address, owner, reason)

    def _add(self, address: str, person: Person | None, reason: Reason) -> None:
        reasons = self._found.setdefault(address.casefold(), (address, person, []))[2]
        if reason not in reasons:
            reasons.append(reason)

    def all(self) -> list[Recipient]:
        return [
            Recipient(address, person.name if person else "", person.id if person else None, tuple(reasons))
            for address, person, reasons in self._found.values()
        ]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event as it concerns one partner; what a decision is made about."""

    id: str
    """Computed from event, kind and partner: the same event always makes the same decision."""
    source: str
    event_id: str
    time: datetime
    kind: str
    partner_id: str
    data: Mapping[str, Any]
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Addressed:
    """A recipient and the message that is his."""

    message_id: str
    address: str
    name: str
    person_id: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Escalated:
    """That a message could not be delivered, and who was told instead."""

    of_message_id: str
    level: int
    to: tuple[Addressed, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an occurrence. Once stored it is never made again, whoever holds which role later."""

    about: Occurrence
    to: tuple[Addressed, ...]
    consumed_at: datetime
    escalations: tuple[Escalated, ...] = ()
    muted_until: datetime | None = None
    """The kind was muted until then when the event was consumed, so nobody was told."""


def address_messages(cause_id: str, recipients: Iterable[Recipient], channel: str = "email") -> tuple[Addressed, ...]:
    """Give every recipient a message id, computed from what caused it so that asking twice is asking once."""
    return tuple(
        Addressed(
            message_id=computed_id(cause_id, channel, one.address.casefold()),
            address=one.address,
            name=one.name,
            person_id=one.person_id,
            reasons=tuple(reason.words() for reason in one.reasons),
        )
        for one in recipients
    )
