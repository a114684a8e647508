"""Requests and answers of the routes of the outbox."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr, StringConstraints

from common.errors import Problem
from common.ids import new_id
from common.mongo import Document
from outbox.domain import ACCOUNT_STOPPED, Account, Answer, Outcome, Status, orders_of
from outbox.mime import message_id_header

KEEP_DAYS_LEAST, KEEP_DAYS_MOST = 1, 365
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Host = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9._:-]+$")]


class AccountFields(BaseModel):
    """A sender account (B11). The password is kept encrypted and never shown again."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    from_address: EmailStr
    from_name: Annotated[str, StringConstraints(max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    host: Host
    port: int = Field(ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    username: Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")] | None = (
        None
    )
    password: Annotated[SecretStr, Field(min_length=1, max_length=1000)] | None = None
    is_default: bool = Field(default=False, description="Messages go through this account; only one is the default.")
    max_connections: int = Field(default=4, ge=1, le=20)

    def to_domain(self, partner_id: str, most_connections: int, account_id: str | None = None) -> Account:
        return Account(
            id=account_id or new_id("acc"),
            partner_id=partner_id,
            name=self.name,
            from_address=self.from_address,
            from_name=self.from_name,
            host=self.host,
            port=self.port,
            tls=self.tls,
            username=self.username,
            password=self.password.get_secret_value() if self.password else None,
            is_default=self.is_default,
            max_connections=min(self.max_connections, most_connections),
        )


class AccountView(BaseModel):
    id: str
    name: str
    from_address: str
    from_name: str
    host: str
    port: int
    tls: str
    username: str | None
    has_password: bool
    is_default: bool
    max_connections: int

    @classmethod
    def of(cls, account: Account) -> "AccountView":
        return cls(
            id=account.id,
            name=account.name,
            from_address=account.from_address,
            from_name=account.from_name,
            host=account.host,
            port=account.port,
            tls=account.tls,
            username=account.username,
            has_password=account.password is not None,
            is_default=account.is_default,
            max_connections=account.max_connections,
        )


class AccountHealth(BaseModel):
    """Whether the account works, from real attempts, and tests that worked (B9)."""

    id: str
    name: str
    works: bool | None = Field(description="null: it was not used yet")
    last_reached_at: datetime | None = None
    failing_since: datetime | None = None
    error: str | None = Field(default=None, description="the provider's last words")
    stopped_since: datetime | None = Field(
        default=None, description="refused too often in a row: nothing is tried until it is changed, or a test works"
    )

    @classmethod
    def of(cls, account: Account, health: Mapping[str, Any]) -> "AccountHealth":
        known = {name: health.get(name) for name in ("works", "last_reached_at", "failing_since", "error")}
        return cls(id=account.id, name=account.name, stopped_since=account.stopped_at, **known)


class TestResult(BaseModel):
    """What came of trying the account."""

    works: bool
    words: str

    @classmethod
    def of(cls, answer: Answer) -> "TestResult":
        return cls(works=answer.outcome is Outcome.SENT, words=answer.reply)


class RecipientView(BaseModel):
    address: str
    name: str


class AttemptView(BaseModel):
    at: datetime
    ended_at: datetime | None = None
    outcome: str = Field(
        description="in_flight; unknown: the answer was lost, the provider may have it; or what came of it"
    )
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""


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
    attachments: list[str] = Field(default_factory=lambda: [])
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
    history: list[AttemptView]
    provider_id: str | None = Field(description="the Message-ID under which the provider accepted it (B2)")

    @classmethod
    def of(cls, document: Document, accounts: Mapping[str, Account]) -> "MessageDetail":
        history = [AttemptView.model_validate(attempt) for attempt in document["attempts"]]
        if claim := document.get("claim"):
            history.append(AttemptView(at=claim["at"], outcome="in_flight"))
        content = document["content"]
        row = _row(document, accounts)
        provider_id = message_id_header(row["id"], row["from_address"]) if row["status"] is Status.SENT else None
        return cls(**row, text=content["text"], html=content["html"], history=history, provider_id=provider_id)


class BoxSettings(BaseModel):
    """What a partner may say about its box (B6)."""

    model_config = ConfigDict(extra="forbid")

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
    may_resend = status in (Status.WAITING, Status.ERROR) and not is_stopped
    waits_for_account = ACCOUNT_STOPPED if is_stopped and status is Status.WAITING else document.get("waiting_reason")
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
        "status": status,
        "next_attempt_at": document["due_at"] if status is Status.WAITING and not is_stopped else None,
        "attempts": len(document["attempts"]),
        "actions": [] if status is Status.SENDING else ["delete", "resend"] if may_resend else ["delete"],
    }
