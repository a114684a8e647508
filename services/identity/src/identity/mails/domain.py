"""Mails about somebody's account, and the tokens in their links. No I/O."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from common.errors import Problem
from common.events import Language

LONGEST_NAME = 80
_BEFORE_MORE = re.compile(r"[.:/\\@](?=\S)")


class LetterKind(StrEnum):
    """What a mail is about. The first three carry a link, the others only tell what happened."""

    INVITATION = "invitation"
    PASSWORD_RESET = "password-reset"  # noqa: S105  no password
    EMAIL = "email"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105  no password
    EMAIL_CHANGED = "email-changed"
    SECOND_FACTOR_ON = "second-factor-on"
    SECOND_FACTOR_OFF = "second-factor-off"
    RECOVERY_CODES = "recovery-codes"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"


class LinkNotGood(Problem):
    """The same words whether it is unknown, expired, replaced by a later one, or was used before."""

    code, title = "link-not-good", "This link is not good, or not any more"

    def __init__(self) -> None:
        super().__init__("Ask for a new one. A link is good once, and only the latest one is.")


@dataclass(frozen=True, slots=True)
class MailedToken:
    """What a link proves: that whoever follows it reads the mails of `address`. A user has one of each kind; it is
    known by its hash, and good once, until `expires_at`."""

    kind: LetterKind
    hash: str = field(repr=False)
    address: str = field(repr=False)
    expires_at: datetime
    asked_by: str = ""
    """The request that it answers, so that answering twice is answering once."""
    asked_at: datetime | None = None
    """When that was asked for. An earlier request that is answered again takes nothing back."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that has not left yet. `sealed` is the token of its link, encrypted; it is forgotten when it leaves."""

    id: str
    kind: LetterKind
    address: str = field(repr=False)
    name: str = field(repr=False)
    language: Language
    company: str
    at: datetime
    sealed: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Mailing:
    """What is written into a user's document by the change that it is about, in the same write."""

    letter: Letter
    token: MailedToken | None = None


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom a letter is for."""

    user_id: str
    address: str = field(repr=False)
    name: str = field(repr=False)
    company: str
    language: Language


def new_token(user_id: str) -> str:
    """256 random bits, and whose they are."""
    return f"{user_id}.{secrets.token_urlsafe(32)}"


def owner_of(token: str) -> str:
    """The user whom a token says it is of."""
    return token.partition(".")[0]


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def harmless(name: str) -> str:
    """A name as it stands in our mails: what others chose must not become a link there."""
    return _BEFORE_MORE.sub(lambda found: f"{found[0]} ", name[:LONGEST_NAME])
