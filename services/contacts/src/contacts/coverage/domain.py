"""What a partner's setup still lacks (A4). No I/O."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

from common.events import Role
from contacts.catalogue import NEEDED, AddressType

ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Roles that nobody holds, and address types that no address has."""

    missing_roles: tuple[Role, ...]
    missing_address_types: tuple[AddressType, ...]

    @property
    def is_complete(self) -> bool:
        return not self.missing_roles and not self.missing_address_types


def coverage(held: Collection[Role], used: Collection[AddressType]) -> Coverage:
    """Every role needs a person, and every address type but further warehouses an address (A4)."""
    return Coverage(tuple(role for role in ROLES if role not in held), tuple(one for one in NEEDED if one not in used))
