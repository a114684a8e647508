"""Requests and answers of the routes of addresses."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from common.ids import new_id
from contacts.addresses.domain import Address
from contacts.catalogue import AddressType

Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Label = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")]
PostalCode = Annotated[str, StringConstraints(max_length=20, strip_whitespace=True, pattern=r"^[A-Za-z0-9 \-]*$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Types = Annotated[list[AddressType], Field(min_length=1, max_length=5)]


class AddressFields(BaseModel):
    """What an address is made of; unknown fields are refused. One address may have several types (A3)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "types": ["billing", "registered_office"],
                    "street": "Piotrkowska 1",
                    "postal_code": "90-001",
                    "city": "Łódź",
                    "country": "PL",
                }
            ]
        },
    )

    types: Types
    name: Label = Field(default="", description="Who or what is there, for instance 'Warehouse North'.")
    street: Line
    postal_code: PostalCode = ""
    city: Line
    country: Country = Field(description="ISO 3166 alpha-2")

    def to_domain(self, address_id: str | None = None) -> Address:
        """The address, new when `address_id` is None; types folded, in a fixed order."""
        types = tuple(one for one in AddressType if one in self.types)
        fields = self.model_dump(exclude={"types"})
        return Address(id=address_id or new_id("adr"), types=types, **fields)

    @staticmethod
    def of(address: Address) -> Mapping[str, object]:
        """The address's fields as they could be sent."""
        names = ("name", "street", "postal_code", "city", "country")
        return {name: getattr(address, name) for name in names} | {"types": list(address.types)}


class AddressPatch(BaseModel):
    """The fields that shall change (JSON Merge Patch); null takes an optional one away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"street": "Piotrkowska 2"}]})

    types: Types | None = None
    name: Label | None = None
    street: Line | None = None
    postal_code: PostalCode | None = None
    city: Line | None = None
    country: Country | None = None


class AddressView(BaseModel):
    id: str
    types: list[AddressType]
    name: str
    street: str
    postal_code: str
    city: str
    country: str
    version: int

    @classmethod
    def of(cls, address: Address) -> "AddressView":
        names = ("id", "name", "street", "postal_code", "city", "country", "version")
        return cls(types=list(address.types), **{name: getattr(address, name) for name in names})


class AddressTypeView(BaseModel):
    id: AddressType
    name: str
    description: str
    repeatable: bool = Field(description="True when many addresses may have it.")
