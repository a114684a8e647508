"""Contact records (C1, C2). No I/O."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The two kinds of record (C1)."""

    PERSON = "person"
    ORGANIZATION = "organization"


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone of a record: its type, and the number in E.164 (C3)."""

    type: str
    number: str


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A person or an organization that the partner deals with."""

    id: str
    kind: Kind
    first_name: str
    last_name: str
    organization_name: str
    email: str | None
    phones: tuple[Phone, ...] = field(default=())
    supplier: bool = False
    note: str = ""
    version: int = 1
