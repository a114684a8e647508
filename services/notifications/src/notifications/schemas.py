"""Requests and answers of the routes of notifications."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints, model_validator

from common.events import Content, Role
from common.http import Time
from notifications.domain import Addressed, ByEmail, ByRole, Decision, Entry, Recipient
from notifications.overview import Trial
from notifications.suggestions import Suggestion


class EntryFields(BaseModel):
    """A role or an e-mail address; exactly one of them."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    email: EmailStr | None = None

    @model_validator(mode="after")
    def one_of_both(self) -> "EntryFields":
        if (self.role is None) == (self.email is None):
            raise ValueError("give either a role or an email")
        return self

    def to_domain(self) -> Entry:
        return ByRole(self.role) if self.role else ByEmail(str(self.email))

    @classmethod
    def of(cls, entry: Entry) -> "EntryFields":
        return cls(role=entry.role) if isinstance(entry, ByRole) else cls(email=entry.email)


class SettingsChange(BaseModel):
    """Who receives notifications of a kind; at most ten different entries (A6)."""

    model_config = ConfigDict(extra="forbid")

    recipients: list[EntryFields] = Field(min_length=1, max_length=100)


class KindSettings(BaseModel):
    """A kind and who receives it (A6)."""

    kind: str
    name: str
    recipients: list[EntryFields]
    is_default: bool = Field(description="Nothing was set: the manager receives it. We recommend setting them all.")
    unheld_roles: list[Role] = Field(description="Listed roles that nobody holds now.")
    falls_back_to: str | None = Field(description="manager, owner or nobody when no listed role is held (A8).")
    muted_until: datetime | None = Field(description="Nobody is told of this kind before; null when it is not muted.")


class Mute(BaseModel):
    """Tell nobody of a kind before `until`."""

    model_config = ConfigDict(extra="forbid")

    until: Time = Field(description="In the future, at most 365 days ahead. Without an offset it is UTC.")


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
        entry = EntryFields.model_construct(role=None, email=one.person.email)
        return cls(entry=entry, label=one.label, name=one.person.name, roles=sorted(one.person.roles))


class RecipientView(BaseModel):
    """Who receives, and why (A9)."""

    address: str
    name: str
    person_id: str | None
    reasons: list[str]

    @classmethod
    def of(cls, one: Recipient) -> "RecipientView":
        reasons = [reason.words() for reason in one.reasons]
        return cls(address=one.address, name=one.name, person_id=one.person_id, reasons=reasons)


class DryRun(BaseModel):
    """What would be sent for a sample event; nothing is."""

    recipients: list[RecipientView]
    content: Content = Field(description="As the first recipient would see it.")
    muted_until: datetime | None = Field(description="Nobody would receive it before, because the kind is muted.")

    @classmethod
    def of(cls, trial: Trial) -> "DryRun":
        recipients = [RecipientView.of(one) for one in trial.recipients]
        return cls(recipients=recipients, content=trial.content, muted_until=trial.muted_until)


class SampleEvent(BaseModel):
    """The data of an event of the kind; `partner_id` is always the caller's."""

    model_config = ConfigDict(extra="allow")


class ToldView(BaseModel):
    message_id: str
    address: str
    name: str
    reasons: list[str]

    @classmethod
    def of(cls, one: Addressed) -> "ToldView":
        return cls(message_id=one.message_id, address=one.address, name=one.name, reasons=list(one.reasons))


class EscalationView(BaseModel):
    of_message_id: str
    to: list[ToldView]


class EventView(BaseModel):
    """What became of an event for the caller's partner (A9)."""

    source: str
    id: str
    status: str = Field(description="decided, muted, or waiting for its partner to become known")
    kind: str | None = None
    consumed_at: datetime | None = None
    muted_until: datetime | None = Field(
        default=None, description="The kind was muted until then when the event was consumed: nobody was told."
    )
    recipients: list[ToldView] = Field(default_factory=lambda: [])
    escalations: list[EscalationView] = Field(default_factory=lambda: [])

    @classmethod
    def of(cls, decision: Decision) -> "EventView":
        return cls(
            source=decision.about.source,
            id=decision.about.event_id,
            status="muted" if decision.muted_until else "decided",
            kind=decision.about.kind,
            consumed_at=decision.consumed_at,
            muted_until=decision.muted_until,
            recipients=[ToldView.of(one) for one in decision.to],
            escalations=[
                EscalationView(of_message_id=one.of_message_id, to=[ToldView.of(to) for to in one.to])
                for one in decision.escalations
            ],
        )


Source = Annotated[str, StringConstraints(min_length=1, max_length=200)]
