"""Requests and answers about machines."""

from datetime import datetime

from pydantic import BaseModel, Field

from common.auth import Permission
from identity.machines.domain import Machine
from identity.schemas import Name, Request

LONGEST_OVERLAP_SECONDS = 7 * 86400


class NewMachine(Request):
    name: Name
    permissions: list[Permission] = Field(min_length=1, max_length=100)


class NewSecret(Request):
    overlap_seconds: int = Field(
        default=0, ge=0, le=LONGEST_OVERLAP_SECONDS, description="The old secret is good for so long yet; 0: it leaked."
    )


class MachineView(BaseModel):
    """A machine without its secret; `id` is its OAuth client id."""

    id: str
    name: str
    permissions: list[str]
    since: datetime
    last_used: datetime | None

    @classmethod
    def of(cls, machine: Machine) -> "MachineView":
        return cls(
            id=machine.id,
            name=machine.name,
            permissions=sorted(machine.permissions),
            since=machine.since,
            last_used=machine.last_used_at,
        )


class MachineSecret(BaseModel):
    """What a machine signs in with; the secret is never shown again."""

    client_id: str
    client_secret: str
