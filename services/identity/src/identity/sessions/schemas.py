"""Requests and answers about sessions."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, EmailStr, Field, SecretStr

from identity.domain import PASSWORD_MAX
from identity.proofs.schemas import Code, Credential
from identity.schemas import Request, Token
from identity.sessions.domain import Session
from identity.sessions.handlers import Issued, Sessions


class Credentials(Request):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "olga@kettle.example", "password": "seven kettles on a red stove"}]}
    )

    email: EmailStr
    password: Annotated[SecretStr, Field(max_length=PASSWORD_MAX)]


class SecondStep(Request):
    challenge: Annotated[str, Field(max_length=1000, description="Of the answer to `POST /sign-in`.")]
    code: Code


class ShownPasskey(Request):
    credential: Credential


class PasskeyOptions(BaseModel):
    """What the browser is asked (`PublicKeyCredential.parse…OptionsFromJSON`)."""

    options: dict[str, Any] = Field(serialization_alias="publicKey")


class SessionView(BaseModel):
    """Somebody signed in with one client."""

    id: str
    client: str = Field(description="What the client called itself when it signed in (User-Agent).")
    since: datetime
    last_used: datetime
    ends_at: datetime = Field(description="Unless it is used again before; never later than its whole life.")
    current: bool = Field(description="True for the session of this request's token.")

    @classmethod
    def of(cls, session: Session, current: str | None) -> "SessionView":
        return cls(
            id=session.id,
            client=session.client,
            since=session.began_at,
            last_used=session.last_used_at,
            ends_at=session.ends_at,
            current=session.id == current,
        )


def token_for(sessions: Sessions, issued: Issued) -> Token:
    """Both tokens as they are answered."""
    return Token(
        access_token=issued.access,
        expires_in=int(sessions.keys.signer.lifetime.total_seconds()),
        refresh_token=str(issued.refresh),
        second_factor_missing=issued.is_limited,
    )
