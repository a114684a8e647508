"""Requests and answers of the routes of persons."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from common.events import Role
from common.ids import new_id
from contacts.persons.domain import Person

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Phone = Annotated[str, StringConstraints(max_length=40)]
Roles = Annotated[list[Role], Field(max_length=9)]


class PersonFields(BaseModel):
    """What a person is made of; unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "first_name": "Maria",
                    "last_name": "Nowak",
                    "email": "maria@kettle.example",
                    "phone": "+48 601 234 567",
                    "roles": ["manager", "sales"],
                }
            ]
        },
    )

    first_name: Name
    last_name: Name
    email: EmailStr
    phone: Phone | None = Field(
        default=None, description="With country prefix, or as dialled in the partner's country."
    )
    roles: Roles = Field(default_factory=lambda: [])

    def to_domain(self, person_id: str | None = None) -> Person:
        """The person, new when `person_id` is None; roles folded, in a fixed order."""
        roles = tuple(sorted(set(self.roles)))
        return Person(person_id or new_id("per"), self.first_name, self.last_name, self.email, self.phone, roles)

    @staticmethod
    def of(person: Person) -> Mapping[str, object]:
        """The person's fields as they could be sent."""
        names = ("first_name", "last_name", "email", "phone")
        return {name: getattr(person, name) for name in names} | {"roles": list(person.roles)}


class PersonPatch(BaseModel):
    """The fields that shall change (JSON Merge Patch); `"phone": null` takes the phone away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"phone": None, "roles": ["manager"]}]})

    first_name: Name | None = None
    last_name: Name | None = None
    email: EmailStr | None = None
    phone: Phone | None = None
    roles: Roles | None = None


class UndeliverableView(BaseModel):
    """A mail server refused the address, and since then it was neither edited nor confirmed (A8)."""

    words: str = Field(description="The mail server's own.")
    at: datetime


class PersonView(BaseModel):
    id: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    roles: list[Role]
    version: int
    undeliverable: UndeliverableView | None

    @classmethod
    def of(cls, person: Person) -> "PersonView":
        return cls(
            id=person.id,
            first_name=person.first_name,
            last_name=person.last_name,
            email=person.email,
            phone=person.phone,
            roles=list(person.roles),
            version=person.version,
            undeliverable=UndeliverableView(words=person.undeliverable.words, at=person.undeliverable.at)
            if person.undeliverable
            else None,
        )


class RoleView(BaseModel):
    id: Role
    name: str
    description: str


class RejectedRow(BaseModel):
    """A row that cannot be taken, by its line in the file, and why."""

    line: int
    reasons: list[str]


class ImportResult(BaseModel):
    """What came of a file; of a dry run, what would."""

    dry_run: bool
    added: int
    already_there: int
    rejected: list[RejectedRow]
