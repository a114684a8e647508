"""Who receives what, and why (A6–A9). Pure rules. Read `resolve` first, then `next_in_chain`."""

from collections.abc import Iterable, Sequence

from common.events import Channel, Role
from notifications.domain import (
    BY_EMAIL,
    MANAGER,
    ByEmail,
    ByRole,
    Closed,
    Entry,
    LeftOut,
    Nobody,
    Partner,
    Person,
    Reason,
    Recipient,
    Resolution,
    Why,
)

_OPEN = Closed()


def resolve(
    entries: Sequence[Entry],
    people: Iterable[Person],
    partner: Partner,
    closed: Closed = _OPEN,
    allowed: Sequence[Channel] = BY_EMAIL,
) -> Resolution:
    """Who gets a message of a kind whose settings are `entries`, and why: never one person twice on a channel.

    Roles mean whoever of `people` holds them now (A7). Left out, with the reason, is whose address a mail server
    refused for good, and who unsubscribed. Where nobody is left the managers stand in, then the owner, who is told
    though his address was refused (A8); only where everybody who is meant unsubscribed is nobody told. An SMS is for
    whoever has a phone, if the kind allows it (`allowed`); who has none gets an e-mail.

    Raises Nobody when there is not even an owner's address.
    """
    found = _Recipients(list(people), closed, allowed)
    for entry in entries:
        match entry:
            case ByRole(role, channels):
                found.add_holders(role, channels, Reason(Why.HOLDS_ROLE, (role,)))
            case ByEmail(email, channels):
                found.add_address(email, channels, Reason(Why.LISTED))
    if not found and not found.all_unsubscribed:
        _add_stand_ins(found, entries, partner)
    return found.resolution()


def _add_stand_ins(found: "_Recipients", entries: Sequence[Entry], partner: Partner) -> None:
    roles: tuple[Role, ...] = tuple(entry.role for entry in entries if isinstance(entry, ByRole))
    refused = found.some_refused
    found.add_holders(MANAGER, BY_EMAIL, Reason(Why.MANAGER_STANDS_IN, roles, refused))
    if not found:
        if not partner.owner_email:
            raise Nobody
        found.add_owner(partner.owner_email, Reason(Why.OWNER_STANDS_IN, roles, refused))


def next_in_chain(
    level: int, failed_address: str, people: Iterable[Person], partner: Partner, closed: Closed = _OPEN
) -> tuple[int, tuple[Recipient, ...]]:
    """Who is told that a message could not be delivered, and on which level of the chain they stand (A8).

    `level` is that of the failed message: 0 for an ordinary one, 1 when it was for the manager in another's place, 2
    when for the owner. The level grows with each step and ends at 2, so there is no loop. Whoever just failed is left
    out, and managers whom no mail reaches. An empty list: nobody is left.
    """
    failed = failed_address.casefold()
    if level < 1:
        found = _Recipients([one for one in people if one.email.casefold() != failed], Closed(closed.refused), BY_EMAIL)
        found.add_holders(MANAGER, BY_EMAIL, Reason(Why.ESCALATED_TO_MANAGER))
        if found:
            return 1, found.resolution().recipients
    owner = partner.owner_email
    if level < 2 and owner and owner.casefold() != failed:
        return 2, (Recipient(owner, "", None, (Reason(Why.ESCALATED_TO_OWNER),)),)
    return 2, ()


class _Recipients:
    """Recipients by channel and address without case, each with all his reasons; and who is left out."""

    def __init__(self, people: Sequence[Person], closed: Closed, allowed: Sequence[Channel]) -> None:
        self._people = people
        self._closed = closed
        self._allowed = allowed
        self._found: dict[tuple[Channel, str], tuple[str, Person | None, list[Reason]]] = {}
        self._left_out: dict[str, LeftOut] = {}
        self.some_refused = False
        """A mail server refused somebody who is meant."""

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def all_unsubscribed(self) -> bool:
        """There are people who are meant, and each of them unsubscribed."""
        return bool(self._left_out) and not self._found and not self.some_refused

    def add_holders(self, role: Role, channels: Sequence[Channel], reason: Reason) -> None:
        for person in self._people:
            if role in person.roles:
                self._add(person.email, person, channels, reason)

    def add_address(self, address: str, channels: Sequence[Channel], reason: Reason) -> None:
        for person in self._people_with(address) or [None]:
            self._add(address, person, channels, reason)

    def add_owner(self, address: str, reason: Reason) -> None:
        """The last one: told though mail was refused, unless he unsubscribed."""
        person = next(iter(self._people_with(address)), None)
        if address.casefold() in self._closed.unsubscribed:
            self._leave_out(address, person, "unsubscribed from this kind")
        else:
            self._keep("email", address, person, reason)

    def _people_with(self, address: str) -> list[Person]:
        folded = address.casefold()
        return [person for person in self._people if person.email.casefold() == folded]

    def _add(self, address: str, person: Person | None, channels: Sequence[Channel], reason: Reason) -> None:
        folded = address.casefold()
        if folded in self._closed.unsubscribed:
            self._leave_out(address, person, "unsubscribed from this kind")
            return
        wanted = [channel for channel in channels if channel in self._allowed] or BY_EMAIL
        if "sms" in wanted and person and person.phone:
            self._keep("sms", person.phone, person, reason)
            if "email" not in wanted:
                return
        reply = person.undeliverable if person else self._closed.refused.get(folded)
        if reply:
            self.some_refused = True
            self._leave_out(address, person, f"a mail server refused the address: {reply}")
        else:
            self._keep("email", address, person, reason)
            if "email" not in wanted:
                self._keep("email", address, person, Reason(Why.NO_PHONE))

    def _leave_out(self, address: str, person: Person | None, why: str) -> None:
        one = LeftOut(address, person.name if person else "", person.id if person else None, why)
        self._left_out.setdefault(address.casefold(), one)

    def _keep(self, channel: Channel, address: str, person: Person | None, reason: Reason) -> None:
        reasons = self._found.setdefault((channel, address.casefold()), (address, person, []))[2]
        if reason not in reasons:
            reasons.append(reason)

    def resolution(self) -> Resolution:
        recipients = tuple(
            Recipient(address, person.name if person else "", person.id if person else None, tuple(reasons), channel)
            for (channel, _), (address, person, reasons) in self._found.items()
        )
        left_out = (one for folded, one in self._left_out.items() if ("email", folded) not in self._found)
        return Resolution(recipients, tuple(left_out))
