"""The use cases of contact persons, one function each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

from common.auth import Caller
from common.events import RECIPIENT_REFUSED, MessageFailed, Received, Role
from common.ids import computed_id
from common.jobs import taking_turns
from common.relay import StateRelay
from contacts.partners.storage import Partners
from contacts.persons.domain import BadPhone, Person, TooManyPersons
from contacts.persons.storage import Persons, Refusal

EXPORT_PAGE = 500
AT_ONCE = 40

Rejected = tuple[int, list[str]]
"""Line of a row, and the reasons why it cannot be taken."""
Row = tuple[int, Person | list[str]]
"""Line of a row, and its person or why there is none."""


@dataclass
class PersonDesk:
    """What the use cases work with."""

    persons: Persons
    partners: Partners
    relay: StateRelay
    most: int
    """Persons of a partner. An event may concern all of them, and what is decided of it is one document."""


async def add_person(desk: PersonDesk, caller: Caller, person: Person, request: str | None) -> tuple[Person, bool]:
    """A new contact person (A1), and whether it is new. Raises BadPhone, TooManyPersons."""
    person = person.in_region(await desk.partners.country(caller.partner_id))
    if request is None or not await desk.persons.imported(caller.partner_id, [request]):
        await _check_room(desk, caller.partner_id, 1)
    added = await desk.persons.add(caller.partner_id, person, caller.author, request)
    desk.relay.wake()
    return added


async def change_person(
    desk: PersonDesk,
    caller: Caller,
    person_id: str,
    only_version: int | None,
    make: Callable[[Person], Person],
) -> Person:
    """Change a person (A1) into what `make` makes of him.

    Raises NotFound, BadPhone, and ChangedMeanwhile when he is not in `only_version` any more.
    """

    async def made(person: Person) -> Person:
        changed = replace(make(person), id=person.id)
        if changed.phone == person.phone:
            return changed
        return changed.in_region(await desk.partners.country(caller.partner_id))

    changed = await desk.persons.change(caller.partner_id, person_id, caller.author, only_version, made)
    desk.relay.wake()
    return changed


async def confirm_email(desk: PersonDesk, caller: Caller, person_id: str) -> Person:
    """The person's address is good, though it was refused (A8). Raises NotFound."""
    person = await desk.persons.confirm_email(caller.partner_id, person_id, caller.author)
    desk.relay.wake()
    return person


async def keep_refusals(desk: PersonDesk, events: Sequence[Received[MessageFailed]]) -> None:
    """Remember addresses that a mail server refused for good, with its words (A8)."""
    refusals = [
        Refusal(failed.partner_id, failed.recipient.address, failed.provider_reply, failed.executed_at)
        for failed in (event.data for event in events)
        if failed.channel == "email" and failed.reason == RECIPIENT_REFUSED
    ]
    await desk.persons.mark_undeliverable_of_all_partners(refusals)
    desk.relay.wake()


async def remove_person(desk: PersonDesk, caller: Caller, person_id: str, only_version: int | None) -> None:
    """Delete a person (A1), the last holder of a role too. Raises NotFound and ChangedMeanwhile."""
    await desk.persons.remove(caller.partner_id, person_id, caller.author, only_version)
    desk.relay.wake()


async def all_persons(desk: PersonDesk, partner_id: str, role: Role | None, typed: str) -> AsyncIterator[list[Person]]:
    """Everybody who is asked for, in pages."""
    after = ""
    while page := await desk.persons.page(partner_id, role, typed, after, EXPORT_PAGE):
        yield page
        after = page[-1].id


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of the rows of a file, or would."""

    added: int
    already_there: int
    rejected: list[Rejected]


async def import_persons(desk: PersonDesk, caller: Caller, rows: Sequence[Row], *, dry_run: bool) -> Imported:
    """Add the persons of a file (bulk of A1); one with the same names and e-mail as a person is there already.

    Repeating a file adds nobody: the row itself is the idempotency key. In a dry run nothing is written.
    Raises TooManyPersons, and adds nobody then.
    """
    country = await desk.partners.country(caller.partner_id)
    wanted, rejected = _sorted_out(await taking_turns(_keyed(row, country) for row in rows))
    there = await desk.persons.imported(caller.partner_id, [*wanted])
    async for known in desk.persons.with_emails(caller.partner_id, [person.email for person in wanted.values()]):
        there |= {_key(person) for person in known}
    fresh = [(key, person) for key, person in wanted.items() if key not in there]
    await _check_room(desk, caller.partner_id, len(fresh))
    added = len(fresh) if dry_run else await _add_all(desk, caller, fresh)
    return Imported(added, len(rows) - len(rejected) - added, rejected)


async def _check_room(desk: PersonDesk, partner_id: str, wanted: int) -> None:
    if wanted and await desk.persons.count(partner_id, None, "") + wanted > desk.most:
        raise TooManyPersons(f"A partner has at most {desk.most}. Delete some first.")


def _keyed(row: Row, country: str | None) -> tuple[str, Row]:
    """What identifies the row, and the row with the phone in E.164, or why that cannot be."""
    line, person = row
    try:
        if not isinstance(person, list):
            person = person.in_region(country)
            return _key(person), (line, person)
    except BadPhone as error:
        person = [f"phone: {error.detail}"]
    return "", (line, person)


def _sorted_out(rows: Sequence[tuple[str, Row]]) -> tuple[dict[str, Person], list[Rejected]]:
    """(persons by what identifies a row, rows that cannot be taken)."""
    wanted: dict[str, Person] = {}
    rejected: list[Rejected] = []
    for key, (line, row) in rows:
        if isinstance(row, list):
            rejected.append((line, row))
        else:
            wanted.setdefault(key, row)
    return wanted, rejected


async def _add_all(desk: PersonDesk, caller: Caller, persons: Sequence[tuple[str, Person]]) -> int:
    """Add these by their idempotency keys; returns how many were new."""
    count = 0
    for start in range(0, len(persons), AT_ONCE):
        part = persons[start : start + AT_ONCE]
        done = await asyncio.gather(
            *(desk.persons.add(caller.partner_id, person, caller.author, key) for key, person in part)
        )
        count += sum(is_new for _, is_new in done)
        desk.relay.wake()
    return count


def _key(person: Person) -> str:
    names = (person.first_name, person.last_name, person.email)
    return f"import/{computed_id(*(name.casefold() for name in names))}"
