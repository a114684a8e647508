"""Answers about the audit log."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from common.http import ActorView
from identity.audit.domain import Entry, Fact, written


class AuditEntryView(BaseModel):
    """Who did what, when, from where, and what came of it."""

    id: str
    partner_id: str = Field(description="Whose log it is in.")
    sequence: int = Field(description="Its place in your log; no number is left out.")
    at: datetime
    user_id: str = Field(description="Whose account it was done with.")
    actor: ActorView | None = Field(description="Who acted for him; null when it was he himself.")
    session_id: str | None = Field(description="The sign-in, or the entry, that it comes of.")
    network: str | None = Field(description="Where the request came from: the /24 of IPv4, the /48 of IPv6.")
    service: str
    action: str = Field(description="A route, or a word for what has none.")
    target: dict[str, str] = Field(description="To what it was done: ids by name.")
    details: dict[str, list[str]]
    outcome: str = Field(
        description="`done`, `refused`, `failed` (nothing was changed), or `unknown`: it may have been done or not."
    )
    status: int | None = Field(description="Of the HTTP answer; null when there was none.")
    previous: str = Field(description="The hash of the entry before.")
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> "AuditEntryView":
        fact = {name: getattr(entry.fact, name) for name in Fact.__slots__}
        return cls.model_validate(fact | {"sequence": entry.sequence, "previous": entry.previous, "hash": entry.hash})


def line_of(entry: Entry) -> dict[str, Any]:
    """An entry as it is exported: with the time as it is hashed."""
    return AuditEntryView.of(entry).model_dump() | {"at": written(entry.fact.at)}
