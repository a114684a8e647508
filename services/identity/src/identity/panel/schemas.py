"""Requests and answers about the panel."""

from datetime import datetime

from pydantic import BaseModel, Field

from common.http import Page
from identity.domain import Partner
from identity.entry.domain import State
from identity.panel.domain import Client, May
from identity.schemas import Request


class Account(BaseModel):
    """The own account: one is in it already."""

    partner_id: str
    name: str

    @classmethod
    def of(cls, partner: Partner) -> "Account":
        return cls(partner_id=partner.id, name=partner.name)


class OpenEntry(BaseModel):
    """An entry that waits or goes on."""

    id: str
    state: State
    ends_at: datetime


class ClientView(BaseModel):
    """A client that gave access: enter with `audience=<client_id>`."""

    client_id: str
    name: str
    may: May
    user_id: str = Field(description="The user of the client that one acts for.")
    permissions: list[str]
    until: datetime
    entry: OpenEntry | None

    @classmethod
    def of(cls, client: Client, now: datetime) -> "ClientView":
        access, entry = client.connection.access, client.entry
        assert access is not None  # the panel lists no others
        return cls(
            client_id=client.connection.client_id,
            name=client.connection.client_name,
            may=client.may(now),
            user_id=access.user_id,
            permissions=sorted(access.permissions),
            until=access.until,
            entry=OpenEntry(id=entry.id, state=entry.state, ends_at=entry.ends_at) if entry else None,
        )


class PanelView(Page[ClientView]):
    """A page of the clients, and the own account."""

    own: Account


class NewCode(Request):
    code_challenge: str = Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="S256 of the verifier (RFC 7636).")
    scope: str = Field(default="", max_length=1000, description="Permissions with spaces between; none: all given.")


class CodeView(BaseModel):
    """For `POST /token` with `grant_type=authorization_code` and the verifier."""

    code: str
    expires_in: int = Field(description="Seconds.")
