"""Requests and answers about switches and access."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from common.auth import Permission
from common.http import Time
from identity.connections.domain import Access, Connection
from identity.schemas import Request


class Switch(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"on": True}]})

    on: bool


class NewAccess(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "permissions": ["contacts:read", "outbox:read"],
                    "until": "2027-06-30T00:00:00Z",
                    "confirm_each": False,
                }
            ]
        }
    )

    permissions: list[Permission] = Field(
        min_length=1, max_length=100, description="Never those to let others in or to hold credentials (E6)."
    )
    until: Time = Field(description="When it ends by itself.")
    confirm_each: bool = Field(default=False, description="An administrator of the client confirms each entry.")


class AccessView(BaseModel):
    """What the client gave. `user_id` is the user of the client that is acted for; nobody signs in as him."""

    user_id: str
    permissions: list[str]
    until: datetime
    confirm_each: bool
    given_by: str
    given_at: datetime

    @classmethod
    def of(cls, access: Access) -> "AccessView":
        return cls(
            user_id=access.user_id,
            permissions=sorted(access.permissions),
            until=access.until,
            confirm_each=access.confirm_each,
            given_by=access.given_by,
            given_at=access.given_at,
        )


class PartnerAccessView(BaseModel):
    """A partner as a client of it sees it."""

    partner_id: str
    partner_name: str
    connected: bool = Field(description="Staff's switch (E1).")
    access: AccessView | None

    @classmethod
    def of(cls, connection: Connection) -> "PartnerAccessView":
        return cls(
            partner_id=connection.partner_id,
            partner_name=connection.partner_name,
            connected=connection.is_on,
            access=AccessView.of(connection.access) if connection.access else None,
        )


class ConnectionView(BaseModel):
    """A partner and a client of it, as staff see them."""

    partner_id: str
    partner_name: str
    client_id: str
    client_name: str
    connected: bool
    has_access: bool

    @classmethod
    def of(cls, connection: Connection) -> "ConnectionView":
        return cls(
            partner_id=connection.partner_id,
            partner_name=connection.partner_name,
            client_id=connection.client_id,
            client_name=connection.client_name,
            connected=connection.is_on,
            has_access=connection.access is not None,
        )
