"""Challenges: what somebody answers in the next request. No I/O."""

from enum import StrEnum

from common.errors import NotSignedIn


class Purpose(StrEnum):
    SECOND_STEP = "second-step"
    PASSKEY = "passkey"
    NEW_PASSKEY = "new-passkey"


class ChallengeGone(NotSignedIn):
    """The same words whether it is not ours, expired, for something else, or was answered before."""

    code, title = "challenge-gone", "The challenge is not good, or not any more"

    def __init__(self) -> None:
        super().__init__("Begin again. A challenge is answered once, and soon.")
