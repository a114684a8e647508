"""Requests and answers about entries."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, SecretStr

from identity.entry.domain import Because, Entry, State
from identity.schemas import Request, Token


class EntryView(BaseModel):
    """An entry as both sides see it: who of which partner, into whose account, when, and how far."""

    id: str
    partner_id: str
    partner_name: str
    master_id: str
    master_name: str
    client_id: str
    client_name: str
    user_id: str = Field(description="The user of the client that is acted for.")
    permissions: list[str]
    state: State
    at: datetime = Field(description="When it was asked for, or began.")
    began_at: datetime | None
    ends_at: datetime = Field(description="When it is over, unless it is confirmed or renewed before.")
    decided_by: str | None = Field(description="Who confirmed or refused it.")
    ended_at: datetime | None
    ended_by: str | None = Field(description="Nobody, when it ended by itself or by what it depends on.")
    because: Because | None = Field(description="Why it ended.")

    @classmethod
    def of(cls, entry: Entry) -> "EntryView":
        way = entry.way
        return cls(
            id=entry.id,
            partner_id=way.partner_id,
            partner_name=entry.partner_name,
            master_id=way.master_id,
            master_name=entry.master_name,
            client_id=way.client_id,
            client_name=entry.client_name,
            user_id=entry.user_id,
            permissions=sorted(entry.permissions),
            state=entry.state,
            at=entry.at,
            began_at=entry.began_at,
            ends_at=entry.ends_at,
            decided_by=entry.decided_by,
            ended_at=entry.ended_at,
            ended_by=entry.ended_by,
            because=entry.because,
        )


class Leaving(Request):
    refresh_token: Annotated[SecretStr, Field(max_length=1000)] | None = Field(
        default=None, description="Of the own session: then the own tokens are the answer."
    )


class Left(BaseModel):
    """The entry is over. `own` are the own tokens, if the own session was to go on."""

    own: Token | None
