"""What somebody proves with who he is. No I/O."""

from dataclasses import dataclass, field
from typing import Any

from common.errors import NotSignedIn


class SecondStepNeeded(NotSignedIn):
    """The password was right; a code is needed too. The challenge in it is no token: it opens only the second step."""

    code, title = "second-step-needed", "A code of your second factor is needed"

    def __init__(self, challenge: str, seconds: int) -> None:
        super().__init__(
            "Send a code with this challenge to `POST /sign-in/second-step`.", challenge=challenge, expires_in=seconds
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """All that signing in would need: a passkey, or the password and, where a second factor is on, a code."""

    password: str = field(default="", repr=False)
    code: str = field(default="", repr=False)
    passkey: dict[str, Any] | None = field(default=None, repr=False)
