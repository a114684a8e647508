"""Passkeys (WebAuthn): keys of a person's devices, which sign in without a password. No I/O."""

from dataclasses import dataclass, field
from datetime import datetime

from common.errors import Conflict, Invalid, NotSignedIn


class WrongPasskey(NotSignedIn):
    """The same words whether it is unknown, somebody else's, not signed by it, or copied."""

    code, title = "wrong-passkey", "The passkey was not accepted"

    def __init__(self) -> None:
        super().__init__("Begin again, or sign in in another way.")


class PasskeyInvalid(Invalid):
    """What the browser sent makes no passkey."""

    code, title = "passkey-invalid", "This makes no passkey"


class PasskeyRefused(Conflict):
    """It is there already, or there are too many."""

    code, title = "passkey-refused", "The passkey was not added"


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key that a user signs in with. `id` is the credential's, `sign_count` what its authenticator counted up to;
    `is_synced` when it is kept in more than one place."""

    id: str
    name: str
    public_key: bytes = field(repr=False)
    sign_count: int
    is_synced: bool
    since: datetime
    last_used_at: datetime | None = None
