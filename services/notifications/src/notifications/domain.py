"""What notifications speaks of: partners and their people, who is wanted, what was decided (A6–A9). No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from common.errors import Invalid, NotFound
from common.events import Channel, Role
from common.ids import computed_id

MANAGER: Role = "manager"
MOST_ENTRIES = 10
BY_EMAIL: tuple[Channel, ...] = ("email",)


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
    """Everybody who holds the role at that moment, on these channels."""

    role: Role
    channels: tuple[Channel, ...] = BY_EMAIL


@dataclass(frozen=True, slots=True)
class ByEmail:
    """This address, whoever it belongs to; other channels than e-mail where it belongs to a known person."""

    email: str
    channels: tuple[Channel, ...] = BY_EMAIL


Entry = ByRole | ByEmail


@dataclass(frozen=True, slots=True)
class Person:
    """A contact person as notifications knows him."""

    id: str
    name: str
    email: str
    roles: frozenset[Role]
    phone: str | None = None
    undeliverable: str | None = None
    """The words with which a mail server refused the e-mail address for good; None: mail arrives."""


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
    NO_PHONE = "no_phone"
    ESCALATED_TO_MANAGER = "escalated_to_manager"
    ESCALATED_TO_OWNER = "escalated_to_owner"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody is a recipient; `roles` are those that it is about. `unreachable`: there was somebody who is meant,
    but no message reaches him."""

    why: Why
    roles: tuple[Role, ...] = ()
    unreachable: bool = False

    def words(self) -> str:
        match self.why:
            case Why.HOLDS_ROLE:
                return f"holds the role {', '.join(self.roles)}"
            case Why.LISTED:
                return "listed by e-mail"
            case Why.MANAGER_STANDS_IN:
                return f"{self._lack()}: the manager stands in"
            case Why.OWNER_STANDS_IN if self.roles == (MANAGER,):
                lack = "no manager can be reached" if self.unreachable else "there is no manager"
                return f"{lack}: the owner stands in"
            case Why.OWNER_STANDS_IN:
                return f"{self._lack()}, nor can a manager be reached: the owner stands in"
            case Why.NO_PHONE:
                return "has no phone: by e-mail instead of SMS"
            case Why.ESCALATED_TO_MANAGER:
                return "the message could not be delivered: escalated to the manager"
            case Why.ESCALATED_TO_OWNER:
                return "the message could not be delivered: escalated to the owner"

    def _lack(self) -> str:
        if not self.roles:
            return "no listed address can be reached"
        roles = ", ".join(self.roles)
        return f"nobody who holds {roles} can be reached" if self.unreachable else f"nobody holds {roles}"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets the message on one channel, once, with every reason for it."""

    address: str
    name: str
    person_id: str | None
    reasons: tuple[Reason, ...]
    channel: Channel = "email"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One who is meant but not told, and `why` in words (A8, A9)."""

    address: str
    name: str
    person_id: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who is told, and who is left out. Nobody is told only where everybody who is meant unsubscribed."""

    recipients: tuple[Recipient, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Closed:
    """Addresses (casefolded) of a partner that a kind is not sent to."""

    refused: Mapping[str, str] = field(default_factory=lambda: {})
    """Refused for good by a mail server, with its words."""
    unsubscribed: frozenset[str] = frozenset()
    """Whose readers unsubscribed from the kind."""


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
    channel: Channel = "email"
    not_before: datetime | None = None
    """It leaves then at the earliest: an SMS waits for the end of the partner's quiet hours."""


@dataclass(frozen=True, slots=True)
class Escalated:
    """That a message could not be delivered, and who was told instead."""

    of_message_id: str
    level: int
    to: tuple[Addressed, ...]


@dataclass(frozen=True, slots=True)
class ForDigest:
    """That the e-mails of a decision are collected, and what stands in the digest for it."""

    until: datetime
    subject: str
    intro: str
    place: int = 0
    """Its place among what was consumed at the same moment."""
    sent_in: str | None = None
    """The id of the decision that is the digest; None while it is collected."""
    order_number: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """What a digest says of one event, and to which addresses."""

    decision_id: str
    source: str
    event_id: str
    subject: str
    intro: str
    to: tuple[str, ...]
    order_number: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an occurrence. Once stored it is never made again, whoever holds which role later."""

    about: Occurrence
    to: tuple[Addressed, ...]
    consumed_at: datetime
    escalations: tuple[Escalated, ...] = ()
    muted_until: datetime | None = None
    """The kind was muted until then when the event was consumed, so nobody was told."""
    left_out: tuple[LeftOut, ...] = ()
    digest: ForDigest | None = None
    lines: tuple[Line, ...] = ()
    """Of a decision that is a digest itself."""

    @property
    def at_once(self) -> tuple[Addressed, ...]:
        """Whose messages leave now; the others are in a digest."""
        return tuple(one for one in self.to if not self.digest or one.channel != "email")

    def message_of(self, one: Addressed) -> str | None:
        """The id of the message to one of `to`; None while it is collected for a digest."""
        if not self.digest or one.channel != "email":
            return one.message_id
        return message_id(self.digest.sent_in, one.channel, one.address) if self.digest.sent_in else None

    def orders_told_to(self, address: str) -> list[str]:
        """Of a digest: the orders that stand in it for this address."""
        own = (one.order_number for one in self.lines if address.casefold() in one.to)
        return [number for number in dict.fromkeys(own) if number]

    @property
    def message_ids(self) -> list[str]:
        """Of every message that was requested for it, escalations included."""
        escalated = [one.message_id for escalation in self.escalations for one in escalation.to]
        return [found for one in self.to if (found := self.message_of(one))] + escalated


def message_id(cause_id: str, channel: Channel, address: str) -> str:
    """The id of a message, computed from what caused it so that asking twice is asking once."""
    return computed_id(cause_id, channel, address.casefold())


def fold(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries without repetitions, addresses compared without case; of repetitions the channels are joined.

    Raises TooManyEntries.
    """
    folded: dict[str, Entry] = {}
    for entry in entries:
        key = f"role:{entry.role}" if isinstance(entry, ByRole) else entry.email.casefold()
        before = folded.get(key)
        folded[key] = _joined(before, entry.channels) if before else entry
    if len(folded) > MOST_ENTRIES:
        raise TooManyEntries(f"There are {len(folded)}; leave out {len(folded) - MOST_ENTRIES}.")
    return tuple(folded.values())


def _joined(entry: Entry, channels: Sequence[Channel]) -> Entry:
    both: tuple[Channel, ...] = tuple(dict.fromkeys([*entry.channels, *channels]))
    return ByRole(entry.role, both) if isinstance(entry, ByRole) else ByEmail(entry.email, both)


def at(data: Mapping[str, Any], pointer: str) -> Any:
    """What a JSON Pointer (RFC 6901, members only) names in `data`; None when it is not there."""
    value: Any = data
    for part in pointer.split("/")[1:]:
        value = value.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(value, dict) else None
    return value


def address_messages(
    cause_id: str, recipients: Iterable[Recipient], quiet_until: datetime | None = None
) -> tuple[Addressed, ...]:
    """Give every recipient a message.

    `quiet_until`: SMS leave then at the earliest; e-mail is never held back.
    """
    return tuple(
        Addressed(
            message_id=message_id(cause_id, one.channel, one.address),
            address=one.address,
            name=one.name,
            person_id=one.person_id,
            reasons=tuple(reason.words() for reason in one.reasons),
            channel=one.channel,
            not_before=quiet_until if one.channel == "sms" else None,
        )
        for one in recipients
    )
