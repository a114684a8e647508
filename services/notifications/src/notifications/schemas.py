"""Requests and answers of the routes of notifications."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints, model_validator

from common.events import Content, Role
from notifications.domain import Addressed, ByEmail, ByRole, Decision, Entry, Recipient


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
    status: str = Field(description="decided, or waiting for its partner to become known")
    kind: str | None = None
    consumed_at: datetime | None = None
    recipients: list[ToldView] = Field(default_factory=lambda: [])
    escalations: list[EscalationView] = Field(default_factory=lambda: [])

    @classmethod
    def of(cls, decision: Decision) -> "EventView":
        return cls(
            source=decision.about.source,
            id=decision.about.event_id,
            status="decided",
            kind=decision.about.kind,
            consumed_at=decision.consumed_at,
            recipients=[ToldView.of(one) for one in decision.to],
            escalations=[
                EscalationView(of_message_id=one.of_message_id, to=[ToldView.of(to) for to in one.to])
                for one in decision.escalations
            ],
        )


Source = Annotated[str, StringConstraints(min_length=1, max_length=200)]
