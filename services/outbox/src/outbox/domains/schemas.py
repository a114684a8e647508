"""Domains as they are asked for and shown."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from outbox.domains.domain import Domain, Key

Name = Annotated[
    str,
    StringConstraints(
        max_length=253, to_lower=True, strip_whitespace=True, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+$"
    ),
]


class DomainFields(BaseModel):
    """A domain that mails shall be signed for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "kettle.example"}]})

    name: Name = Field(description="That of the accounts' `from_address`, in ASCII.")


class RecordView(BaseModel):
    """What has to stand in the DNS so that receivers can check signatures."""

    type: str = "TXT"
    name: str
    value: str

    @classmethod
    def of(cls, key: Key | None, domain: str) -> "RecordView | None":
        return cls(name=key.dns_name(domain), value=key.dns_value) if key else None


class DomainView(BaseModel):
    """A domain, with the record of the key that signs, and that of a new key which does not yet."""

    name: str
    signing: RecordView | None = Field(description="null: its mails are not signed")
    waiting: RecordView | None = Field(description="Publish it, then say that it shall sign.")

    @classmethod
    def of(cls, domain: Domain) -> "DomainView":
        return cls(
            name=domain.name,
            signing=RecordView.of(domain.signing, domain.name),
            waiting=RecordView.of(domain.waiting, domain.name),
        )
