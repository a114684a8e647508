"""Requests and answers of the routes of contacts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints

from common.events import Role
from common.ids import new_id
from contacts.domain import Person

Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class PersonFields(BaseModel):
    """What a person is made of; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    first_name: Name
    last_name: Name
    email: EmailStr
    phone: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        default=None, description="With country prefix, or as dialled in the partner's country."
    )
    roles: list[Role] = Field(default_factory=lambda: [], max_length=9)

    def to_domain(self, person_id: str | None = None) -> Person:
        """The person, new when `person_id` is None; roles folded, in a fixed order."""
        roles = tuple(sorted(set(self.roles)))
        return Person(person_id or new_id("per"), self.first_name, self.last_name, self.email, self.phone, roles)


class PersonView(BaseModel):
    id: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    roles: list[Role]
    version: int

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
        )


class RoleView(BaseModel):
    id: Role
    name: str
    description: str
