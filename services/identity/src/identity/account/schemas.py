"""Requests and answers about how one signs in."""

from datetime import datetime

from pydantic import BaseModel, EmailStr, Field

from identity.passkeys.domain import Passkey
from identity.proofs.schemas import Code, Credential, ProofGiven
from identity.schemas import Name, Password, Request


class Proven(Request):
    """Each change needs a proof."""

    proof: ProofGiven


class PasswordChange(Proven):
    password: Password


class EmailChange(Proven):
    email: EmailStr


class SecondFactorView(BaseModel):
    is_on: bool
    recovery_codes_left: int


class SecondFactorSecret(BaseModel):
    """What an app is set up with; it counts once a code confirms it."""

    secret: str
    uri: str = Field(description="The same for a QR code (`otpauth://`).")


class Confirmation(Request):
    code: Code


class RecoveryCodes(BaseModel):
    """Shown this once. Each signs in once, in place of a code of the app."""

    codes: list[str]


class NewPasskey(Proven):
    name: Name
    credential: Credential


class PasskeyChange(Request):
    name: Name


class PasskeyView(BaseModel):
    id: str
    name: str
    is_synced: bool = Field(description="It is kept in more than one place, such as an account at the maker's.")
    since: datetime
    last_used: datetime | None

    @classmethod
    def of(cls, passkey: Passkey) -> "PasskeyView":
        return cls(
            id=passkey.id,
            name=passkey.name,
            is_synced=passkey.is_synced,
            since=passkey.since,
            last_used=passkey.last_used_at,
        )
