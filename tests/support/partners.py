"""Partners and people as the other services announce them, for tests of one service alone."""

from collections.abc import Sequence
from typing import Any

from common.events import ContactChanged, PartnerChanged, Role
from tests.support.eventually import unique
from tests.support.kafka_io import KafkaIO


async def announce_partner(io: KafkaIO, **state: Any) -> str:
    """A new partner, known to whoever reads `partner.changed`, as `change_partner` says it. Returns its id."""
    partner_id = unique("prt")
    await change_partner(io, partner_id, **state)
    return partner_id


async def change_partner(
    io: KafkaIO,
    partner_id: str,
    *,
    owner: str | None = "",
    language: str = "en",
    country: str = "PL",
    version: int = 1,
    categories: Sequence[str] = (),
    deleted: bool = False,
) -> None:
    """Announce a state of a partner; `owner` "" makes an address."""
    address = f"owner@{partner_id.replace('_', '-')}.example" if owner == "" else owner
    state = PartnerChanged(
        partner_id=partner_id,
        version=version,
        name=f"Company {partner_id}",
        language=language,  # pyright: ignore[reportArgumentType]
        country=country,
        owner_email=address,
        categories=list(categories),
        deleted=deleted,
    )
    await io.publish(state, event_id=f"{partner_id}@{version}", source="/identity")


async def announce_person(
    io: KafkaIO, partner_id: str, *roles: Role, email: str = "", person_id: str = "", version: int = 1,
    phone: str | None = None, undeliverable: str | None = None,
) -> ContactChanged:  # fmt: skip
    """A person of a partner who holds `roles`; returns what was announced."""
    person_id = person_id or unique("per")
    state = ContactChanged(
        partner_id=partner_id,
        person_id=person_id,
        version=version,
        first_name="Ada",
        last_name=person_id,
        email=email or f"{person_id}@{partner_id}.example".replace("_", "-"),
        phone=phone,
        roles=list(roles),
        undeliverable=undeliverable,
    )
    await io.publish(state, event_id=f"{person_id}@{version}", source="/contacts")
    return state
