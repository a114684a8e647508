"""Kinds as staff write them; the shipped ones are the same documents."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticSerializationError, to_json

from common.events import Channel, Content, Language, Role
from notifications.kinds.domain import FALLBACK, Audience, Kind, Templates

Pointer = Annotated[str, StringConstraints(max_length=200, pattern=r"^(/[^/]+)+$")]
Topic = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")]
EventType = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
KindId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


def can_be_written(data: dict[str, Any]) -> dict[str, Any]:
    """Raises ValueError for what JSON can say, but nobody can write again."""
    try:
        to_json(data)
    except PydanticSerializationError:
        raise ValueError("something in it is half a character, or too deep") from None
    return data


Data = Annotated[dict[str, Any], AfterValidator(can_be_written)]
"""What an event may have."""


class AudienceFields(BaseModel):
    """Whom an event concerns, as JSON Pointers into its data: `partner` alone, or any of the others (A7)."""

    model_config = ConfigDict(extra="forbid")

    partner: Pointer | None = Field(default=None, description="The id of the one partner.")
    partners: Pointer | None = Field(default=None, description="A list of partners' ids.")
    categories: Pointer | None = Field(default=None, description="A list of categories that partners sell in.")
    everyone: Pointer | None = Field(default=None, description="True there means every partner.")

    @model_validator(mode="after")
    def one_or_many(self) -> "AudienceFields":
        if (self.partner is None) == (self.partners is None and self.categories is None and self.everyone is None):
            raise ValueError("give either `partner`, or some of `partners`, `categories`, `everyone`")
        return self


class TemplateFields(BaseModel):
    """The words in one language. `intro` is what a partner may replace; the others put it where they say `intro`."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=500)
    intro: str = Field(default="", max_length=2_000)
    text: str = Field(min_length=1, max_length=20_000)
    html: str = Field(default="", max_length=60_000, description="What comes from outside is escaped.")
    sms: str = Field(default="", max_length=1_000, description="Needed in each language where `channels` has sms.")


class KindFields(BaseModel):
    """A kind of notification (A6)."""

    model_config = ConfigDict(extra="forbid")

    names: dict[Language, Name] = Field(description="By language; en is needed.")
    topic: Topic = Field(description="Where its events are published; made if it is missing.")
    type: EventType = Field(description="The CloudEvents type of its events.")
    audience: AudienceFields
    order_number: Pointer | None = Field(default=None, description="Where an event has the number of its order.")
    language: Pointer | None = Field(default=None, description="Where an event may say its language.")
    attachments: Pointer | None = Field(
        default=None, description="Where an event has files for its mails: {id} or {url}, with a name; one or a list."
    )
    default_role: Role = "manager"
    priority: int = Field(default=5, ge=1, le=9, description="1 leaves first.")
    channels: list[Channel] = Field(default=["email"], min_length=1, max_length=2)
    can_unsubscribe: bool = Field(default=False, description="Mails carry a link to unsubscribe (campaigns do).")
    templates: dict[Language, TemplateFields] = Field(description="By language; en is needed.")
    example: Data = Field(description="The data of an event; templates may name what is in it.")
    retired: bool = Field(default=False, description="Its events are not read any more; settings stay.")

    @model_validator(mode="after")
    def complete(self) -> "KindFields":
        if FALLBACK not in self.names or FALLBACK not in self.templates:
            raise ValueError(f"names and templates need {FALLBACK}, for languages that are not there")
        if "email" not in self.channels:
            raise ValueError("channels need email: not everyone has a phone")
        lacking = [language for language, one in self.templates.items() if not one.sms]
        if "sms" in self.channels and lacking:
            raise ValueError(f"the templates of {', '.join(lacking)} lack sms")
        return self

    def to_domain(self, kind_id: str, version: int) -> Kind:
        return Kind(
            id=kind_id,
            version=version,
            names={language: name for language, name in self.names.items()},  # noqa: C416  its keys are texts
            topic=self.topic,
            type=self.type,
            audience=Audience(**self.audience.model_dump()),
            templates={language: Templates(**one.model_dump()) for language, one in self.templates.items()},
            example=self.example,
            order_number=self.order_number,
            language=self.language,
            attachments=self.attachments,
            default_role=self.default_role,
            priority=self.priority,
            channels=tuple(self.channels),
            can_unsubscribe=self.can_unsubscribe,
            retired=self.retired,
        )


class KindDocument(KindFields):
    """A kind with its id and version."""

    id: str
    version: int


class VersionView(BaseModel):
    """A version of a kind: who wrote it and when."""

    version: int
    at: datetime
    by: str
    current: bool


class PreviewRequest(BaseModel):
    """A kind that is not saved, and what to show of it."""

    model_config = ConfigDict(extra="forbid")

    kind: KindFields
    language: Language = "en"
    data: Data | None = Field(default=None, description="The data of an event; the example if it is left out.")


class Preview(BaseModel):
    """What a recipient would read."""

    email: Content
    sms: Content | None = None
