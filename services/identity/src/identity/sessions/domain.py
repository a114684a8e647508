"""Sessions, and the refresh tokens that continue them. No I/O.

A refresh token is `<session>.<number>.<proof>`. The proof is computed from a seed that only the session has, so it need
not be stored: the session remembers just the number of the token that is good now. Every use gives the next number. The
same token used again within the grace window gives the very same next one, since an answer may get lost; used later, it
was stolen, and nobody knows by which of the two: the session ends (RFC 9700, 4.14.2).
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.errors import NotSignedIn
from identity.domain import OAuthProblem, User

FIRST_PARTY = "switchboard"
"""The client of everybody who signs in with a password."""


class InvalidGrant(OAuthProblem):
    """The refresh token is not good, or not any more; which of these is nobody's business."""

    code, title, error = "invalid-grant", "Sign in again", "invalid_grant"


class SignInTooOld(NotSignedIn):
    """401: what is asked for takes a sign-in of at most `seconds` ago; a client knows what to do by RFC 9470."""

    code, title = "sign-in-too-old", "Sign in again first"

    def __init__(self, fresh: timedelta) -> None:
        self.seconds = int(fresh.total_seconds())
        super().__init__("Sign in again, and ask with the new token.", max_age=self.seconds)

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Bearer error="insufficient_user_authentication", max_age="{self.seconds}"'}


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in with one client. `place` is an id of the address it began at, `number` that of the refresh
    token that is good now, `sealed` the seed of all of them, encrypted; `sign_outs` is how often the user had signed
    out everywhere before."""

    id: str
    partner_id: str
    user_id: str
    client: str
    place: str
    sealed: str = field(repr=False)
    sign_outs: int
    began_at: datetime
    last_used_at: datetime
    ends_at: datetime
    number: int = 1
    is_strong: bool = False
    """It began with more than a password."""

    def is_good(self, user: User | None, now: datetime) -> bool:
        """False once it ended, idled too long, or its user is gone or signed out everywhere."""
        return user is not None and user.sign_outs == self.sign_outs and now < self.ends_at

    def follows(self, number: int, now: datetime, grace: timedelta) -> bool:
        """True when token `number` may be answered with the present one: it was used just now, or its answer lost."""
        return self.number == number + 1 and now - self.last_used_at <= grace


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a session lasts: `idle` after its last use, and `whole` in all. For as long as it is `fresh`, the user's
    other sessions may be ended by it."""

    idle: timedelta
    whole: timedelta
    fresh: timedelta

    def end(self, began_at: datetime, now: datetime) -> datetime:
        return min(began_at + self.whole, now + self.idle)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a client sends to continue its session."""

    session_id: str
    number: int
    proof: str = field(repr=False)

    @classmethod
    def made(cls, session_id: str, number: int, seed: str) -> "RefreshToken":
        digest = hmac.digest(seed.encode(), f"{session_id}.{number}".encode(), hashlib.sha256)
        return cls(session_id, number, base64.urlsafe_b64encode(digest).decode().rstrip("="))

    @classmethod
    def read(cls, text: str) -> "RefreshToken":
        """Raises InvalidGrant."""
        session_id, number, proof = [*text.split("."), "", ""][:3]
        if not (number.isascii() and number.isdecimal() and len(number) <= 9 and proof.isascii()):
            raise InvalidGrant("This is no refresh token of ours.")
        return cls(session_id, int(number), proof)

    def is_proven_by(self, seed: str) -> bool:
        return hmac.compare_digest(self.proof, self.made(self.session_id, self.number, seed).proof)

    def __str__(self) -> str:
        return f"{self.session_id}.{self.number}.{self.proof}"
