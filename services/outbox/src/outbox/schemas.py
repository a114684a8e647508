"""Requests and answers about the box; those about sender accounts are in `account_schemas.py`."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.errors import Problem
from common.mongo import Document
from outbox.attachments.schemas import AttachmentView
from outbox.domain import ACCOUNT_STOPPED, ALLOWANCE_USED, RESENDABLE, Account, Status, orders_of
from outbox.segments import segments_of

KEEP_DAYS_LEAST, KEEP_DAYS_MOST = 1, 365


class RecipientView(BaseModel):
    address: str
    name: str


class SegmentsView(BaseModel):
    """An SMS as it is sent and paid for."""

    alphabet: Literal["gsm7", "ucs2"]
    units: int = Field(description="Septets, or UTF-16 code units.")
    parts: int


class AttemptView(BaseModel):
    at: datetime
    ended_at: datetime | None = None
    outcome: str = Field(
        description="in_flight; unknown: the answer was lost, the provider may have it; or what came of it"
    )
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""
    report: "ReportView | None" = Field(default=None, description="what was reported of it after it was accepted")


class ReportView(BaseModel):
    """What a mail server further on, or the gateway, said of it later."""

    verdict: Literal["delivered", "pending", "failed"]
    at: datetime
    code: str
    words: str


class MessageView(BaseModel):
    """A row of the box (B1)."""

    id: str
    kind: str
    channel: str
    account_id: str | None
    account_name: str | None = Field(description="null: there is no such account, or none any more")
    from_address: str | None = Field(description="the sender: as it was sent, or as the account says now")
    error: str | None = Field(description="the provider's words for the last attempt, or why it waits")
    waiting_reason: str | None = Field(
        description="account_stopped or no_sender_account: it is tried once that is mended; null: it waits for its turn"
    )
    recipient: RecipientView
    reasons: list[str] = Field(description="why this recipient (A9)")
    title: str
    attachments: list[AttachmentView]
    order_number: str | None
    order_numbers: list[str] = Field(description="of a digest, which is about many orders")
    status: Status
    requested_at: datetime
    executed_at: datetime | None
    next_attempt_at: datetime | None = Field(
        description="when a message that waits is tried, for the first time or again; null where none is to come"
    )
    attempts: int
    possible_duplicate: bool
    actions: list[str] = Field(description="what may be done with it now")

    @classmethod
    def of(cls, document: Document, accounts: Mapping[str, Account]) -> "MessageView":
        """`accounts` are the partner's, by id."""
        return cls(**_row(document, accounts))


class MessageDetail(MessageView):
    """A message with its words and every attempt."""

    text: str
    html: str
    segments: SegmentsView | None = Field(description="Of an SMS: how many it is.")
    history: list[AttemptView]
    delivered_at: datetime | None = Field(description="when it arrived, if that was reported")
    provider_id: str | None = Field(description="what the provider knows it by: its own id, or the Message-ID (B2)")

    @classmethod
    def of(cls, document: Document, accounts: Mapping[str, Account]) -> "MessageDetail":
        history = [AttemptView.model_validate(attempt) for attempt in document["attempts"]]
        if claim := document.get("claim"):
            history.append(AttemptView(at=claim["at"], outcome="in_flight"))
        content = document["content"]
        row = _row(document, accounts)
        last: Document = document["attempts"][-1] if row["status"] in (Status.SENT, Status.BOUNCED) else {}
        report = last.get("report") or {"verdict": None}
        delivered_at = report["at"] if report["verdict"] == "delivered" else None
        parts = SegmentsView(**asdict(segments_of(content["text"]))) if row["channel"] == "sms" else None
        words: Document = {"text": content["text"], "html": content["html"], "segments": parts}
        return cls(
            **row, **words, history=history, provider_id=last.get("provider_id") or None, delivered_at=delivered_at
        )


class BoxSettings(BaseModel):
    """What a partner may say about its box (B6)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keep_days": 30}]})

    keep_days: Annotated[int, Field(ge=KEEP_DAYS_LEAST, le=KEEP_DAYS_MOST)] | None = Field(
        description="What finished longer ago is deleted when new e-mail is sent; null: as long as the operator says."
    )


class BoxSettingsView(BaseModel):
    keep_days: float = Field(description="as it is done: the partner's number, or the operator's")


class BulkItem(BaseModel):
    """What became of one message of a bulk request."""

    id: str
    done: bool
    reason: str | None = Field(default=None, description="the code of the problem, as for this one message alone")
    detail: str | None = None

    @classmethod
    def of(cls, message_id: str, problem: Problem | None) -> "BulkItem":
        if problem is None:
            return cls(id=message_id, done=True)
        return cls(id=message_id, done=False, reason=problem.code, detail=problem.detail)


def _row(document: Document, accounts: Mapping[str, Account]) -> dict[str, Any]:
    status = Status(document["status"])
    account = accounts.get(document["account_id"])
    is_stopped = account is not None and account.stopped_at is not None
    may_resend = status in RESENDABLE and not is_stopped
    waits = status is Status.WAITING
    used_until = account.allowance_used_until if account and waits else None
    is_used_up = used_until is not None and document["due_at"] is not None and document["due_at"] < used_until
    waits_for_account = document.get("waiting_reason")
    if waits and (is_stopped or is_used_up):
        waits_for_account = ACCOUNT_STOPPED if is_stopped else ALLOWANCE_USED
    next_attempt_at = used_until if is_used_up else document["due_at"]
    same = ("kind", "channel", "account_id", "requested_at", "executed_at", "possible_duplicate")
    return {
        **{name: document[name] for name in same},
        **orders_of(document["order_number"]),
        "id": document["_id"],
        "account_name": account.name if account else None,
        "from_address": document.get("from_address") or (account.from_address if account else None),
        "error": document["error"] or waits_for_account,
        "waiting_reason": waits_for_account,
        "recipient": RecipientView(address=document["recipient"]["address"], name=document["recipient"]["name"]),
        "reasons": document["recipient"]["reasons"],
        "title": document["content"]["subject"],
        "attachments": AttachmentView.all_of(document),
        "status": status,
        "next_attempt_at": next_attempt_at if waits and not is_stopped else None,
        "attempts": len(document["attempts"]),
        "actions": [] if status is Status.SENDING else ["delete", "resend"] if may_resend else ["delete"],
    }
