"""What an account signs in with, where it does so with access tokens (OAuth 2.0), and what a token endpoint answers.
No I/O."""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from outbox.domain import Answer, Outcome

FEW_SECONDS = 300.0
"""A token is taken to be good for so long when its endpoint does not say."""
MOST_SECONDS = 86_400.0
LATER = frozenset({408, 425, 429})
LATER_ERRORS = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Grant:
    """What access tokens are asked for with. It is sealed as one text, so that both stay or go together."""

    refresh_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, text: str) -> "Grant":
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class AccessToken:
    """`seconds` is how long it is good; `refresh_token` the next one, where the endpoint gives a new one each time."""

    text: str = field(repr=False)
    seconds: float
    refresh_token: str | None = field(default=None, repr=False)


def understand(status: int, body: bytes) -> AccessToken | Answer:
    """The token, or what the refusal means for the account (RFC 6749, 5.1 and 5.2)."""
    said = _parsed(body)
    if status == 200:
        match said:
            case {"access_token": str(token)} if re.fullmatch(r"[!-~]+", token):
                return AccessToken(token, _seconds(said.get("expires_in")), _text(said.get("refresh_token")))
            case _:
                return Answer(Outcome.ACCOUNT_REFUSED, reply="the token endpoint gives no access token")
    error, description = _text(said.get("error")), _text(said.get("error_description"))
    words = ": ".join(part for part in (error, description) if part) or "no access token"
    is_later = status in LATER or status >= 500 or error in LATER_ERRORS
    outcome = Outcome.TRY_AGAIN if is_later else Outcome.ACCOUNT_REFUSED
    return Answer(outcome, status, reply=_CONTROL.sub(" ", f"{status} {words}").strip())


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _seconds(said: Any) -> float:
    try:
        return min(max(float(said), 0.0), MOST_SECONDS)
    except (TypeError, ValueError, OverflowError):
        return FEW_SECONDS


def _text(said: Any) -> str | None:
    return said if isinstance(said, str) and said else None
