"""What is answered later, so that nobody learns from the answer who has an account. No I/O."""

from dataclasses import dataclass, field
from datetime import datetime

from common.errors import Conflict


class AlreadyAccepted(Conflict):
    """The user has a password: he is not invited any more."""

    code, title = "already-accepted", "This user has accepted his invitation"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Somebody says that he forgot the password of this (folded) address."""

    id: str
    email: str = field(repr=False)
    at: datetime
