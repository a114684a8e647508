"""Requests and answers of the routes of contact records."""

from typing import Annotated

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
    model_validator,
    validate_email,
)
from pydantic_core import PydanticCustomError

from common.ids import new_id
from crm.records.domain import ContactRecord, Kind, Phone

Name = Annotated[str, StringConstraints(max_length=100, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")]


def _e164(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        raise ValueError("send the number with its country prefix, for instance +48 601 234 567") from None
    if not phonenumbers.is_valid_number(parsed):
        raise ValueError("no such number is given out in its country")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def as_kept(email: str) -> str:
    """An e-mail address as a record has it, however it is written; what is none stays as it is."""
    try:
        return validate_email(email)[1]
    except PydanticCustomError:
        return email


class PhoneFields(BaseModel):
    """A phone: mobile, work, home, or a type of the partner's own."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)] = "mobile"
    number: Annotated[str, StringConstraints(max_length=40), AfterValidator(_e164)]


class RecordFields(BaseModel):
    """What a record is made of; unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "person",
                    "first_name": "Anna",
                    "last_name": "Nowak",
                    "email": "anna@shop.example",
                    "phones": [{"type": "mobile", "number": "+48601234567"}],
                }
            ]
        },
    )

    kind: Kind
    first_name: Name = ""
    last_name: Name = ""
    organization_name: Annotated[Name, StringConstraints(max_length=200)] = ""
    email: EmailStr | None = None
    phones: list[PhoneFields] = Field(default_factory=lambda: [], max_length=1000)
    supplier: bool = False
    note: Annotated[str, StringConstraints(max_length=20_000)] = ""

    @model_validator(mode="after")
    def has_a_name(self) -> "RecordFields":
        if self.kind is Kind.ORGANIZATION and not self.organization_name:
            raise ValueError("an organization needs organization_name")
        if self.kind is Kind.PERSON and not (self.first_name or self.last_name):
            raise ValueError("a person needs first_name or last_name")
        return self

    def to_domain(self, record_id: str | None = None) -> ContactRecord:
        return ContactRecord(
            id=record_id or new_id("con"),
            kind=self.kind,
            first_name=self.first_name,
            last_name=self.last_name,
            organization_name=self.organization_name,
            email=self.email,
            phones=tuple(Phone(phone.type, phone.number) for phone in self.phones),
            supplier=self.supplier,
            note=self.note,
        )


class PhoneView(BaseModel):
    """A phone as it was stored: the numbering plan may have changed since, and reading must not fail for it."""

    type: str
    number: str = Field(description="E.164")


class RecordView(BaseModel):
    id: str
    kind: Kind
    first_name: str
    last_name: str
    organization_name: str
    email: str | None
    phones: list[PhoneView]
    supplier: bool
    note: str
    version: int

    @classmethod
    def of(cls, record: ContactRecord) -> "RecordView":
        return cls(
            id=record.id,
            kind=record.kind,
            first_name=record.first_name,
            last_name=record.last_name,
            organization_name=record.organization_name,
            email=record.email,
            phones=[PhoneView(type=phone.type, number=phone.number) for phone in record.phones],
            supplier=record.supplier,
            note=record.note,
            version=record.version,
        )
