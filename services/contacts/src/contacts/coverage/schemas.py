"""Answers about coverage."""

from pydantic import BaseModel

from common.events import Role
from contacts.catalogue import AddressType
from contacts.coverage.domain import Coverage


class CoverageView(BaseModel):
    """What the setup still lacks (A4)."""

    complete: bool
    missing_roles: list[Role]
    missing_address_types: list[AddressType]

    @classmethod
    def of(cls, found: Coverage) -> "CoverageView":
        return cls(
            complete=found.is_complete,
            missing_roles=list(found.missing_roles),
            missing_address_types=list(found.missing_address_types),
        )


class Overview(BaseModel):
    """The partner's contacts at a glance."""

    persons: int
    addresses: int
    coverage: CoverageView


class Removed(BaseModel):
    """What was deleted is gone; what the setup lacks now."""

    coverage: CoverageView
