"""Partners with contact persons, as identity and contacts announce them, and orders that are about them."""

from collections.abc import Iterator
from dataclasses import dataclass

from common.events import ContactChanged, OrderCreated, PartnerChanged
from common.events.contacts import Role
from common.events.envelope import Event
from tests.support.eventually import eventually
from tests.support.platform import Service

OTHER_ROLES: tuple[Role, ...] = ("sales", "finance", "logistics", "marketing", "rma", "tech", "user", "call_centre")


@dataclass(frozen=True)
class Marketplace:
    """So many partners with so many persons each. One of these is the manager, so an order makes one message."""

    partners: int
    persons: int = 1

    def states(self) -> Iterator[tuple[str, Event]]:
        """Everybody, once."""
        for i in range(self.partners):
            partner, owner = f"prt_{i}", f"owner@partner{i}.example"
            yield f"p{i}", PartnerChanged(partner_id=partner, version=1, name=f"Partner {i}", owner_email=owner)
            for j in range(self.persons):
                role = OTHER_ROLES[j % len(OTHER_ROLES)] if j else "manager"
                yield (
                    f"c{i}.{j}",
                    ContactChanged(
                        partner_id=partner, person_id=f"per_{i}.{j}", version=1, first_name=f"Jan{j}",
                        last_name=f"Kowalski{i}", email=f"jan{j}.kowalski@partner{i}.example", roles=[role],
                    ),
                )  # fmt: skip

    def orders(self, count: int, name: str) -> list[tuple[str, Event]]:
        """`count` orders, spread over the partners."""
        return [
            (
                f"{name}-{i}",
                OrderCreated(partner_id=f"prt_{i % self.partners}", order_number=f"{name}-{i}", total="10.00"),
            )
            for i in range(count)
        ]


async def everybody_known(notifications: Service, marketplace: Marketplace, seconds: float = 300) -> None:
    """Wait until the service knows everybody of the marketplace."""
    partners, people = notifications.database["partners"], notifications.database["people"]
    wanted = (marketplace.partners, marketplace.partners * marketplace.persons)

    async def known() -> bool:
        return (await partners.estimated_document_count(), await people.estimated_document_count()) == wanted

    await eventually(known, seconds, "everybody being known")
