"""The use cases of contacts, one function each."""

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry import trace

from common.errors import NotFound
from common.events import PartnerChanged, Received
from common.relay import StateRelay
from common.telemetry import traceparent_of
from contacts.domain import ChangedMeanwhile, Person
from contacts.storage import Store


@dataclass
class Contacts:
    """What the use cases work with."""

    store: Store
    relay: StateRelay


async def add_person(contacts: Contacts, partner_id: str, person: Person, request: str | None) -> Person:
    """A new contact person (A1). Raises BadPhone."""
    person = person.in_region(await contacts.store.country(partner_id))
    person = await contacts.store.add(partner_id, person, _trace(), request)
    contacts.relay.wake()
    return person


async def get_person(contacts: Contacts, partner_id: str, person_id: str) -> Person:
    """Raises NotFound."""
    person = await contacts.store.person(partner_id, person_id)
    if person is None:
        raise NotFound("There is no such person.")
    return person


async def replace_person(contacts: Contacts, partner_id: str, person: Person, only_version: int | None) -> Person:
    """Change a person (A1). Raises NotFound, BadPhone, and ChangedMeanwhile when it is not `only_version` any more."""
    person = person.in_region(await contacts.store.country(partner_id))
    changed = await contacts.store.replace(partner_id, person, _trace(), only_version)
    if changed is None:
        await _explain_absence(contacts, partner_id, person.id)
        raise NotFound("There is no such person.")
    contacts.relay.wake()
    return changed


async def remove_person(contacts: Contacts, partner_id: str, person_id: str, only_version: int | None) -> None:
    """Delete a person (A1). Raises NotFound and ChangedMeanwhile."""
    if not await contacts.store.remove(partner_id, person_id, _trace(), only_version):
        await _explain_absence(contacts, partner_id, person_id)
    contacts.relay.wake()


async def _explain_absence(contacts: Contacts, partner_id: str, person_id: str) -> None:
    current = await get_person(contacts, partner_id, person_id)
    raise ChangedMeanwhile("Read it again and repeat your change.", current_version=current.version)


async def keep_partners(contacts: Contacts, events: Sequence[Received[PartnerChanged]]) -> None:
    """Know each partner's country: the region of phone numbers without a prefix."""
    await contacts.store.keep_partners([event.data for event in events])


def _trace() -> str | None:
    return traceparent_of(trace.get_current_span())
