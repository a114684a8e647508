"""Company addresses and their types (A3). No I/O."""

from dataclasses import dataclass, field

from common.errors import Conflict
from contacts.catalogue import REPEATABLE, AddressType


class TypeTaken(Conflict):
    """Another address has this type, and only one may."""

    code, title = "address-type-taken", "Another address has this type"


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a partner; `country` is ISO 3166 alpha-2."""

    id: str
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    types: tuple[AddressType, ...] = field(default=())
    version: int = 1

    @property
    def single_types(self) -> tuple[AddressType, ...]:
        """Those of its types that no other address may have."""
        return tuple(one for one in self.types if one not in REPEATABLE)
