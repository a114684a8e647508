"""Requests and answers about machines."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from common.auth import Permission
from identity.machines.domain import Machine
from identity.schemas import Name, Request

LONGEST_OVERLAP_SECONDS = 7 * 86400

Overlap = Annotated[int, Field(ge=0, le=LONGEST_OVERLAP_SECONDS)]
Encoded = Annotated[str, Field(max_length=1000, pattern="^[A-Za-z0-9_-]+$")]


class MachineKey(BaseModel):
    """A public key (RFC 7517): Ed25519, P-256 or RSA. Members that are not named here are ignored."""

    model_config = ConfigDict(extra="allow")

    kty: str
    kid: str = Field(pattern="^[A-Za-z0-9._:=-]{1,100}$", description="Assertions name the key by it.")
    crv: str | None = None
    x: Encoded | None = None
    y: Encoded | None = None
    n: Encoded | None = None
    e: Encoded | None = None


class MachineKeys(BaseModel):
    """A JWK Set."""

    keys: list[MachineKey] = Field(min_length=1, max_length=100)

    def members(self) -> list[dict[str, Any]]:
        """Of each key."""
        return [key.model_dump(exclude_none=True) for key in self.keys]


class NewMachine(Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Order system", "permissions": ["outbox:read"]}]}
    )

    name: Name
    permissions: list[Permission] = Field(min_length=1, max_length=100)
    jwks: MachineKeys | None = Field(
        default=None, description="What it signs assertions with; without it gets a secret."
    )


class NewSecret(Request):
    overlap_seconds: Overlap = Field(default=0, description="The old secret is good for so long yet; 0: it leaked.")


class NewKeys(Request):
    jwks: MachineKeys
    overlap_seconds: Overlap = Field(default=0, description="The old keys are good for so long yet; 0: one leaked.")


class MachineView(BaseModel):
    """A machine without its secret; `id` is its OAuth client id."""

    id: str
    name: str
    permissions: list[str]
    keys: list[str] = Field(description="Which keys it signs with; none where it has a secret.")
    since: datetime
    last_used: datetime | None

    @classmethod
    def of(cls, machine: Machine) -> "MachineView":
        return cls(
            id=machine.id,
            name=machine.name,
            permissions=sorted(machine.permissions),
            keys=[key.kid for key in machine.proof.keys],
            since=machine.since,
            last_used=machine.last_used_at,
        )


class MachineSecret(BaseModel):
    """What a machine signs in with; the secret is never shown again."""

    client_id: str
    client_secret: str | None = Field(description="Null for a machine with keys.")
