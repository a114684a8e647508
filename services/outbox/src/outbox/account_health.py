"""Answers about how sender accounts do."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from outbox.domain import Account, Answer, Outcome


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
    allowance_used_until: datetime | None = Field(
        default=None, description="the messages of a day are used up: nothing is tried before then"
    )

    @classmethod
    def of(cls, account: Account, health: Mapping[str, Any]) -> "AccountHealth":
        known = {name: health.get(name) for name in ("works", "last_reached_at", "failing_since", "error")}
        return cls(
            id=account.id, name=account.name, stopped_since=account.stopped_at,
            allowance_used_until=account.allowance_used_until, **known,
        )  # fmt: skip


class TestResult(BaseModel):
    """What came of trying the account."""

    works: bool
    words: str = Field(description="What was checked and found, or what the provider said.")

    @classmethod
    def of(cls, answer: Answer) -> "TestResult":
        return cls(works=answer.outcome is Outcome.SENT, words=answer.reply)
