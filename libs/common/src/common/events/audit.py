"""What every service tells the audit log."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from common.events.envelope import Event, State
from common.events.marketplace import Identifier

Outcome = Literal["done", "refused", "failed", "unknown"]


class ActorRef(BaseModel):
    """Who acts for a user: a user of another partner."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    user_id: Identifier
    partner_id: Identifier


class AuditRecorded(Event):
    """Somebody did, or tried, what the audit log of a partner has to know (E6)."""

    TOPIC: ClassVar[str] = "audit.recorded"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "entry_id": "aud_3k8w2m5x9q1z4r7t",
            "partner_id": "prt_7f3k2m",
            "at": "2026-11-23T10:15:00.120Z",
            "user_id": "usr_5k2m9x",
            "actor": {"user_id": "usr_8q1w4z", "partner_id": "prt_2c9v6b"},
            "session_id": "ent_1r4t7y",
            "network": "203.0.113.0/24",
            "service": "contacts",
            "action": "PATCH /persons/{person_id}",
            "target": {"person_id": "per_4h6j8k"},
            "details": {},
            "outcome": "done",
            "status": 200,
        }
    ]

    entry_id: Identifier = Field(description="An entry that is told twice is one.")
    partner_id: Identifier = Field(description="Whose log it is in: the client's, when somebody acts for him.")
    at: datetime
    user_id: Identifier = Field(description="Whose account it was done with.")
    actor: ActorRef | None = Field(default=None, description="Who acted for him; null when it was he himself.")
    session_id: Identifier | None = Field(default=None, description="The sign-in, or the entry, that it comes of.")
    network: str | None = Field(default=None, max_length=64, description="Where the request came from: /24, or /48.")
    service: Identifier
    action: str = Field(max_length=200, description="A route, or a word for what has none.")
    target: dict[str, str] = Field(default_factory=lambda: {}, description="To what it was done: ids by name.")
    details: dict[str, list[str]] = Field(default_factory=lambda: {}, description="For instance which permissions.")
    outcome: Outcome
    status: int | None = Field(default=None, ge=100, le=599, description="Of the HTTP answer.")

    def key(self) -> str:
        return self.partner_id


class AuditSealed(State):
    """Which entry stands where in the audit log of a partner. Nothing in the topic is ever forgotten or compacted: the
    first word about a place is true, and whoever changes the log later cannot take it back."""

    TOPIC: ClassVar[str] = "audit.sealed"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {"partner_id": "prt_7f3k2m", "sequence": 17, "hash": "9f86d081884c7d65" * 4, "version": 1}
    ]

    partner_id: Identifier
    sequence: int = Field(ge=1, description="Its place; the first entry of a partner has 1.")
    hash: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the entry, which has that of the one before.")

    def key(self) -> str:
        return f"{self.partner_id}/{self.sequence}"
