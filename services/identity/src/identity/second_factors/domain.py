"""Second factors: codes of an app (TOTP, RFC 6238), and recovery codes for when it is lost. No I/O."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime

from common.errors import Conflict, NotSignedIn

RECOVERY_CODES = 10
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 6, 4


class WrongCode(NotSignedIn):
    """The same words whether it is wrong, of another time, or was used before."""

    code, title = "wrong-code", "The code is wrong"

    def __init__(self) -> None:
        super().__init__("Wait for the next code of your app, or use a recovery code. Each is good once.")


class SecondFactorOn(Conflict):
    """It is on already."""

    code, title = "second-factor-on", "Your second factor is on already"


class SecondFactorOff(Conflict):
    """There is none, or none waits to be confirmed (any more)."""

    code, title = "second-factor-off", "There is no second factor"


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The app's secret, sealed, and the step of the last code that was used: none up to it is good any more."""

    sealed: str = field(repr=False)
    last_step: int
    recovery_codes_left: int = 0


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A second factor that is not on yet: until a code shows that the app has the secret."""

    sealed: str = field(repr=False)
    until: datetime


def new_recovery_codes() -> list[str]:
    """Each has 120 random bits, so that a plain hash of it is enough."""
    return ["-".join(_group() for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP))


def hash_of_code(code: str) -> str:
    """However it was typed."""
    folded = "".join(filter(str.isalnum, code.upper()))
    return hashlib.sha256(folded.encode()).hexdigest()


def sealed_for(user_id: str) -> str:
    """The owner that an app's secret is sealed for."""
    return f"{user_id}/second-factor"
