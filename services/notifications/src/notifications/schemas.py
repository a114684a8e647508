"""Requests and answers of the routes of notifications."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from common.events import Channel, Content
from notifications.domain import Addressed, Decision, LeftOut, Line, Recipient
from notifications.explaining import Story, Trial
from notifications.kinds.schemas import can_be_written
from notifications.outcomes.domain import MessageStatus, Outcome


class RecipientView(BaseModel):
    """Who receives, and why (A9)."""

    channel: Channel
    address: str
    name: str
    person_id: str | None
    reasons: list[str]

    @classmethod
    def of(cls, one: Recipient) -> "RecipientView":
        reasons = [reason.words() for reason in one.reasons]
        return cls(channel=one.channel, address=one.address, name=one.name, person_id=one.person_id, reasons=reasons)


class LeftOutView(BaseModel):
    """Who is meant but not told, and why (A8, A9)."""

    address: str
    name: str
    person_id: str | None
    why: str

    @classmethod
    def of(cls, one: LeftOut) -> "LeftOutView":
        return cls(address=one.address, name=one.name, person_id=one.person_id, why=one.why)


class DryRun(BaseModel):
    """What would be sent for a sample event; nothing is."""

    recipients: list[RecipientView]
    left_out: list[LeftOutView]
    content: Content | None = Field(description="As the first recipient would see it; null when nobody is told.")
    muted_until: datetime | None = Field(description="Nobody would receive it before, because the kind is muted.")

    @classmethod
    def of(cls, trial: Trial) -> "DryRun":
        return cls(
            recipients=[RecipientView.of(one) for one in trial.resolution.recipients],
            left_out=[LeftOutView.of(one) for one in trial.resolution.left_out],
            content=trial.content,
            muted_until=trial.muted_until,
        )


class SampleEvent(BaseModel):
    """The data of an event of the kind; `partner_id` is always the caller's."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def written(self) -> "SampleEvent":
        can_be_written(self.model_extra or {})
        return self


class ToldView(BaseModel):
    """Who is told, why, and what became of his message."""

    message_id: str | None = Field(description="Null while it is collected for a digest.")
    channel: Channel
    address: str
    name: str
    reasons: list[str]
    not_before: datetime | None = Field(description="An SMS waits until then for the end of quiet hours.")
    status: MessageStatus = Field(
        description="WAITING: no outcome was heard of. It waits in the outbox, or was deleted there before it left."
    )
    executed_at: datetime | None = Field(description="When it was sent, or failed for good.")
    reply: str = Field(description="The provider's words; of an ERROR without any, a code that says why.")

    @classmethod
    def of(cls, one: Addressed, message_id: str | None, outcomes: Mapping[str, Outcome]) -> "ToldView":
        outcome = outcomes.get(message_id or "")
        return cls(
            message_id=message_id,
            channel=one.channel,
            address=one.address,
            name=one.name,
            reasons=list(one.reasons),
            not_before=one.not_before,
            status=outcome.status if outcome else MessageStatus.WAITING,
            executed_at=outcome.at if outcome else None,
            reply=outcome.reply if outcome else "",
        )


class EscalationView(BaseModel):
    of_message_id: str
    to: list[ToldView]


class CollectedView(BaseModel):
    """An event that a digest is about."""

    source: str
    id: str
    subject: str

    @classmethod
    def of(cls, one: Line) -> "CollectedView":
        return cls(source=one.source, id=one.event_id, subject=one.subject)


class ToldAsView(BaseModel):
    """What became of an event as one kind."""

    kind: str
    status: Literal["decided", "muted", "waiting"] = Field(
        description="waiting: for its partner, or somebody of it, to become known."
    )
    waits_until: datetime | None = Field(default=None, description="It becomes a dead letter then.")
    consumed_at: datetime | None = None
    muted_until: datetime | None = Field(
        default=None, description="The kind was muted until then when the event was consumed: nobody was told."
    )
    digest_due_at: datetime | None = Field(default=None, description="When its mails leave, in a digest.")
    collected: list[CollectedView] = Field(default_factory=lambda: [], description="Of a digest: what it is about.")
    recipients: list[ToldView] = Field(default_factory=lambda: [])
    left_out: list[LeftOutView] = Field(default_factory=lambda: [])
    escalations: list[EscalationView] = Field(default_factory=lambda: [])

    @classmethod
    def of(cls, decision: Decision, outcomes: Mapping[str, Outcome]) -> "ToldAsView":
        return cls(
            kind=decision.about.kind,
            status="muted" if decision.muted_until else "decided",
            consumed_at=decision.consumed_at,
            muted_until=decision.muted_until,
            digest_due_at=decision.digest.until if decision.digest else None,
            collected=[CollectedView.of(one) for one in decision.lines],
            recipients=[ToldView.of(one, decision.message_of(one), outcomes) for one in decision.to],
            left_out=[LeftOutView.of(one) for one in decision.left_out],
            escalations=[
                EscalationView(
                    of_message_id=one.of_message_id, to=[ToldView.of(to, to.message_id, outcomes) for to in one.to]
                )
                for one in decision.escalations
            ],
        )


class SetAsideView(BaseModel):
    """Why an event could not be processed; staff see its record, and can replay it."""

    reason: str = Field(description="A stable code, for instance `breaks_contract` or `unknown_partner`.")
    detail: str


class EventView(BaseModel):
    """What became of an event for the caller's partner (A9)."""

    source: str
    id: str
    kinds: list[ToldAsView] = Field(description="The kinds that it is told as, by name; usually one.")
    dead_letter: SetAsideView | None = Field(description="Null when it is not set aside, or not any more.")

    @classmethod
    def of(cls, story: Story) -> "EventView":
        decided = [ToldAsView.of(one, story.outcomes) for one in story.decisions]
        waiting = [ToldAsView(kind=kind, status="waiting", waits_until=until) for kind, until in story.waiting.items()]
        aside = story.set_aside
        return cls(
            source=story.source,
            id=story.event_id,
            kinds=sorted([*decided, *waiting], key=lambda one: one.kind),
            dead_letter=SetAsideView(reason=aside.reason, detail=aside.detail) if aside else None,
        )


Source = Annotated[str, StringConstraints(min_length=1, max_length=200)]
