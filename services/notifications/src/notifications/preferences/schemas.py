"""Requests and answers about settings."""

from datetime import datetime, time
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, model_validator

from common.events import Channel, Language, Role
from common.http import Time
from notifications.domain import ByEmail, ByRole, Entry
from notifications.kinds.domain import Words
from notifications.preferences.handlers import Setting
from notifications.preferences.suggestions import Suggestion
from notifications.quiet_hours import QuietHours
from notifications.schemas import LeftOutView


class EntryFields(BaseModel):
    """A role or an e-mail address; exactly one of them."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    email: EmailStr | None = None
    channels: list[Channel] = Field(
        default=["email"], min_length=1, max_length=2, description="SMS where the kind allows it and a phone is known."
    )

    @model_validator(mode="after")
    def one_of_both(self) -> "EntryFields":
        if (self.role is None) == (self.email is None):
            raise ValueError("give either a role or an email")
        return self

    def to_domain(self) -> Entry:
        channels = tuple(dict.fromkeys(self.channels))
        return ByRole(self.role, channels) if self.role else ByEmail(str(self.email), channels)

    @classmethod
    def of(cls, entry: Entry) -> "EntryFields":
        channels = list(entry.channels)
        if isinstance(entry, ByRole):
            return cls(role=entry.role, channels=channels)
        return cls(email=entry.email, channels=channels)


class SettingsChange(BaseModel):
    """Who receives notifications of a kind; at most ten different entries (A6)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"recipients": [{"role": "sales", "channels": ["email", "sms"]}, {"email": "warehouse@kettle.example"}]}
            ]
        },
    )

    recipients: list[EntryFields] = Field(min_length=1, max_length=100)


class WordsFields(BaseModel):
    """What a partner says instead of the kind's own words; templates, which may name what an event of the kind has."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"subject": "Order {{ data.order_number }} for {{ partner.name }}"}]},
    )

    subject: str = Field(default="", max_length=500, description="Empty: the kind's own.")
    intro: str = Field(default="", max_length=2_000, description="Empty: the kind's own.")

    @model_validator(mode="after")
    def some(self) -> "WordsFields":
        if not self.subject.strip() and not self.intro.strip():
            raise ValueError("give a subject, an intro, or both; DELETE goes back to the kind's own")
        return self

    def to_domain(self) -> Words:
        return Words(self.subject.strip(), self.intro.strip())


class KindSettings(BaseModel):
    """A kind and who receives it (A6)."""

    kind: str
    name: str
    recipients: list[EntryFields]
    channels: list[Channel] = Field(description="That the kind may be sent on.")
    is_default: bool = Field(description="Nothing was set: the kind's default role. We recommend setting them all.")
    unheld_roles: list[Role] = Field(description="Listed roles that nobody holds now.")
    falls_back_to: str | None = Field(description="manager, owner or nobody when nobody listed can be reached (A8).")
    left_out: list[LeftOutView] = Field(description="Who is meant, but not told at this moment, and why.")
    muted_until: datetime | None = Field(description="Nobody is told of this kind before; null when it is not muted.")
    digest_minutes: int | None = Field(description="One e-mail in so many minutes; null: one for each event.")
    words: dict[str, WordsFields] = Field(description="The partner's own, by language.")

    @classmethod
    def of(cls, setting: Setting, language: Language) -> "KindSettings":
        words = {one: WordsFields(subject=own.subject, intro=own.intro) for one, own in setting.words.items()}
        return cls(
            kind=setting.kind.id,
            name=setting.kind.name_in(language),
            recipients=[EntryFields.of(entry) for entry in setting.entries],
            channels=list(setting.kind.channels),
            is_default=setting.is_default,
            unheld_roles=list(setting.unheld_roles),
            falls_back_to=setting.falls_back_to,
            left_out=[LeftOutView.of(one) for one in setting.left_out],
            muted_until=setting.muted_until,
            digest_minutes=setting.digest_minutes,
            words=words,
        )


class Mute(BaseModel):
    """Tell nobody of a kind before `until`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"until": "2026-12-27T00:00:00Z"}]})

    until: Time = Field(description="In the future, at most 365 days ahead. Without an offset it is UTC.")


class Digest(BaseModel):
    """At most one e-mail in so many minutes, with everything in it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 60}]})

    minutes: int = Field(ge=5, le=1440)


class SuggestionView(BaseModel):
    """What can be put among the recipients of a kind (A6)."""

    entry: EntryFields = Field(description="As `PUT /settings/{kind}` takes it.")
    label: str = Field(description="The role's name in the language asked for, or the person's name and address.")
    name: str | None = Field(default=None, description="Of a person.")
    roles: list[Role] = Field(default_factory=lambda: [], description="That the person holds.")

    @classmethod
    def of(cls, one: Suggestion) -> "SuggestionView":
        if one.person is None:
            return cls(entry=EntryFields.of(one.entry), label=one.label)
        # contacts has checked its address: checking all of them again would cost more than finding them.
        entry = EntryFields.model_construct(role=None, email=one.person.email, channels=["email"])
        return cls(entry=entry, label=one.label, name=one.person.name, roles=sorted(one.person.roles))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("this is no time zone; Europe/Warsaw is one") from None
    return name


class QuietHoursFields(BaseModel):
    """When no SMS is sent; it leaves when they end. E-mail is never held back."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"start": "22:00", "until": "07:00", "time_zone": "Europe/Warsaw"}]},
    )

    start: time = Field(description="Local time, such as 22:00.")
    until: time = Field(description="Local time; earlier than `start` means the next day.")
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(max_length=64, description="Such as Europe/Warsaw.")

    @model_validator(mode="after")
    def some_time(self) -> "QuietHoursFields":
        if self.start == self.until:
            raise ValueError("`start` and `until` are the same: no time would be quiet, or all of it")
        for one in (self.start, self.until):
            if one.tzinfo or one.second or one.microsecond:
                raise ValueError("the times are local ones in whole minutes, without an offset")
        return self

    def to_domain(self) -> QuietHours:
        return QuietHours(self.start, self.until, self.time_zone)

    @classmethod
    def of(cls, hours: QuietHours) -> "QuietHoursFields":
        return cls(start=hours.start, until=hours.until, time_zone=hours.time_zone)
