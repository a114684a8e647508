"""What identity publishes."""

from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from common.events.envelope import State
from common.events.marketplace import Identifier

Language = Literal["pl", "en", "cs", "hu"]


class PartnerChanged(State):
    """The whole current state of a partner company."""

    TOPIC: ClassVar[str] = "partner.changed"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "partner_id": "prt_7f3k2m",
            "version": 3,
            "name": "Czajnik sp. z o.o.",
            "language": "pl",
            "country": "PL",
            "owner_email": "owner@czajnik.example",
            "categories": ["kitchen"],
        }
    ]

    partner_id: Identifier
    name: str = ""
    language: Language = "en"
    country: str = Field(default="", description="ISO 3166 alpha-2; the region of phone numbers without a prefix.")
    owner_email: str | None = Field(default=None, description="Where a message goes when nobody holds its role (A8).")
    categories: list[Identifier] = Field(
        default_factory=lambda: [], max_length=100, description="Of the products it sells; campaigns name some (A7)."
    )

    def key(self) -> str:
        return self.partner_id


class SigningKeyChanged(State):
    """A public key that tokens are signed with. Every process reads all of them before it is ready."""

    TOPIC: ClassVar[str] = "signing_key.changed"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {
            "kid": "2026-11-23-a1b2c3",
            "version": 1,
            "algorithm": "EdDSA",
            "public_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "trusted_until": "2027-01-01T00:00:00Z",
        }
    ]

    kid: Identifier
    algorithm: Literal["EdDSA"] = "EdDSA"
    public_key: str = Field(default="", description="Ed25519 public key, base64url without padding (JWK `x`).")
    trusted_until: datetime | None = Field(default=None, description="No token signed with it is good after this.")

    def key(self) -> str:
        return self.kid


class AccessRevoked(State):
    """Which tokens of a user, a machine or a session are refused though they have not expired: those that carry a lower
    version, and every one once it is deleted. A heartbeat each second says that nothing before it is missing."""

    TOPIC: ClassVar[str] = "access.revoked"
    EXAMPLES: ClassVar[list[dict[str, Any]]] = [
        {"subject": "usr_5k2m9x", "version": 4},
        {"subject": "ses_8q1w4z", "version": 1, "deleted": True},
        {"subject": "heartbeat", "version": 1795600000},
    ]
    HEARTBEAT: ClassVar[str] = "heartbeat"
    KEPT_SECONDS: ClassVar[int] = 7200
    """Twice as long as the longest life of a token."""

    subject: Identifier = Field(description="A token's `sub` or `sid`; or `heartbeat`.")

    def key(self) -> str:
        return self.subject
