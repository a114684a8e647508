"""Messages, attempts, and what an answer of a mail server means (B2–B4, B10). No I/O."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from common import events
from common.errors import Conflict, Invalid, NotFound
from outbox.rates.domain import ANY_RATE, Rate
from outbox.via import Smtp, Via


class Status(StrEnum):
    """Where a message stands (B2).

    WAITING → SENDING → SENT | ERROR | WAITING (to be tried again); SENT → BOUNCED when a report says later that it was
    not delivered; ERROR, BOUNCED → WAITING by a forced resend.
    """

    WAITING = "WAITING"
    SENDING = "SENDING"
    SENT = "SENT"
    ERROR = "ERROR"
    BOUNCED = "BOUNCED"


RESENDABLE = frozenset({Status.WAITING, Status.ERROR, Status.BOUNCED})
"""What a forced resend may send (B4)."""
FINISHED = frozenset({Status.SENT, Status.ERROR, Status.BOUNCED})
"""What is pruned in time (B6)."""


class Stage(StrEnum):
    """What the mail server was asked when it answered."""

    CONNECT = "connect"
    SIGN_IN = "sign_in"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    CONTENT = "content"
    AFTER_CONTENT = "after_content"
    """The whole message was handed over, and no answer came."""


class Outcome(StrEnum):
    """What an attempt came to."""

    SENT = "sent"
    TRY_AGAIN = "try_again"
    RECIPIENT_REFUSED = events.RECIPIENT_REFUSED
    MESSAGE_REFUSED = "message_refused"
    ACCOUNT_REFUSED = "account_refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    BOUNCED = "bounced"
    """The provider accepted it, and reported later that it was not delivered."""


FINAL = frozenset({Outcome.RECIPIENT_REFUSED, Outcome.MESSAGE_REFUSED})
"""Trying again would be answered the same (B10)."""

ACCOUNT_STOPPED = "account_stopped"
"""Why a message waits whose account is stopped (B9)."""
ALLOWANCE_USED = "allowance_used"
"""Why a message waits whose account has sent as much as it may in a day."""
MOST_WORDS = 500
"""Characters that are kept of what a provider says."""
MAILBOX_FULL = "5.2.2"
NO_ROOM = 552
"""RFC 5321, 4.2.3: for the mail, or in the mailbox; the address is not wrong for that."""
_ABOUT_SENDER = re.compile(r"5\.(1\.[78]$|7\.)")
"""RFC 3463: the sender's address, or what he may do. Many servers say so only when they hear of a recipient, whose
address is not wrong for that, and must not be remembered as such (A8)."""
_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")


class StillSending(Conflict):
    """An attempt is in flight (B3, B4)."""

    code, title = "still-sending", "The message is being sent"


class AlreadySent(Conflict):
    """The provider has it (B4)."""

    code, title = "already-sent", "The message was sent"


class NoSenderAccount(Conflict):
    """There is nothing to send it with yet (B4)."""

    code, title = "no-sender-account", "There is no sender account"


class AccountStopped(Conflict):
    """Its account is not tried before somebody mends it (B4, B9)."""

    code, title = "account-stopped", "The sender account is stopped"


class FilterNeeded(Invalid):
    """A bulk request without a filter would mean the whole box."""

    code, title = "filter-needed", "Say which messages are meant"


class MessageUnknown(NotFound):
    code, title = "message-unknown", "There is no such message"


class AccountUnknown(NotFound):
    code, title = "account-unknown", "There is no such sender account"


class PortRefused(Invalid):
    """The operator does not let accounts use this port."""

    code, title = "port-refused", "This port may not be used"


class OtherKind(Invalid):
    """Messages of one channel wait for an account, and it stays one of that channel (B11)."""

    code, title = "other-kind", "An account keeps its channel and its way"


class UrlRefused(Invalid):
    """The operator lets accounts use gateways over TLS only, and on some ports (B11)."""

    code, title = "url-refused", "This URL may not be used"


class PasswordNeeded(Invalid):
    """The kept password was given for another server (B11)."""

    code, title = "password-needed", "The password must be given again"


class HostRefused(Exception):
    """The account's host leads into the operator's inner network, or nowhere. `words` may be shown to its owner."""

    def __init__(self, words: str) -> None:
        super().__init__("host refused")
        self.words = words


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt, with the provider's own words."""

    outcome: Outcome
    code: int | None = None
    enhanced: str | None = None
    reply: str = ""
    provider_id: str = ""
    """What the provider calls the message; empty where it does not say."""
    retry_after: float | None = None
    """For so many seconds the provider wants nothing more of the account."""

    def __post_init__(self) -> None:
        for name in ("reply", "provider_id"):  # no database takes half a character, and none of its neighbours then
            if not (said := getattr(self, name)).isascii():
                object.__setattr__(self, name, whole(said))

    def without(self, *secrets: str | None) -> "Answer":
        """Without our secrets, should somebody repeat them, perhaps in JSON as PHP writes it. Its words are cut after
        that, or a part of one would stay."""
        written = (one for secret in filter(None, secrets) for one in (secret, secret.replace("/", r"\/")))
        return replace(self, reply=hidden(self.reply, *written)[:MOST_WORDS])

    @property
    def refuses_account(self) -> bool:
        """True when the provider itself said so: that we find no host, or cannot read a password, is not its word."""
        return self.outcome is Outcome.ACCOUNT_REFUSED and self.code is not None


@dataclass(frozen=True, slots=True)
class Account:
    """A partner's way to send messages of one channel (B11). `secret` is sealed."""

    id: str
    partner_id: str
    name: str
    channel: events.MessageChannel
    via: Via
    from_address: str
    """An e-mail address, or what recipients see as the sender of a text: a number or a name."""
    from_name: str
    secret: str | None = field(repr=False)
    is_default: bool
    max_connections: int
    rate: Rate = ANY_RATE
    version: int = 0
    """How often it was changed, stopped and released."""
    stopped_at: datetime | None = None
    """Since when it is not tried, because it was refused too often in a row (B9)."""
    released_at: datetime | None = None
    """When it was last released; what waited for that is no older than this (B10)."""
    allowance_used_until: datetime | None = None
    """When it may be tried again; the messages of a day are used up."""
    reports_secret: str | None = field(default=None, repr=False)
    """What its gateway signs reports with; sealed."""

    @property
    def sealed_for(self) -> str:
        """The owner that `secret` is sealed for."""
        return f"{self.partner_id}/{self.id}"

    @property
    def reports_sealed_for(self) -> str:
        """The same of `reports_secret`."""
        return f"{self.sealed_for}/reports"

    def goes_where(self, other: "Account") -> bool:
        """True when the secret would go to the same server, for the same user, protected in the same way."""
        return self.via.destination == other.via.destination

    def goes_as(self, other: "Account") -> bool:
        """True when what was found out about `other` is true of this one: the same server is asked with the same."""
        return (self.via, self.secret) == (other.via, other.secret)

    def knows_again(self, other: "Account") -> bool:
        """True when its provider, if it knows messages again, knows those too that went through `other`."""
        ours, others = (getattr(one.via, "idempotency_header", None) for one in (self, other))
        return self.goes_where(other) and ours == others

    def is_like(self, other: "Account") -> bool:
        """True when the same messages could go through both: of the same channel, in the same way."""
        return (self.channel, self.via.kind) == (other.channel, other.via.kind)


def orders_of(kept: str | list[str] | None) -> dict[str, Any]:
    """A message's order, or a digest's orders. Its document has one field for both, so that one index finds all."""
    many = isinstance(kept, list)
    return {"order_number": None if many else kept, "order_numbers": kept if many else []}


@dataclass(frozen=True)
class Places:
    """Where the operator lets accounts lead. Ports of None: any; an inner gateway needs no TLS; access tokens are asked
    for at `token_origins` alone."""

    ports: frozenset[int] | None
    gateway_ports: frozenset[int] | None
    inner_gateways: frozenset[str]
    token_origins: frozenset[str]

    def check(self, via: Via) -> None:
        """Raises PortRefused, UrlRefused."""
        if isinstance(via, Smtp):
            _check_port(via.port, self.ports)
            if via.oauth and via.oauth.origin not in self.token_origins:
                raise UrlRefused("The operator lets nobody ask for access tokens there.")
            return
        try:
            url = urlsplit(via.url)
        except ValueError:
            raise UrlRefused("There is no such address.") from None
        if url.scheme != "https" and url.hostname not in self.inner_gateways:
            raise UrlRefused("Give an https URL.")
        try:
            port = url.port or (443 if url.scheme == "https" else 80)
        except ValueError:
            raise UrlRefused("There is no such port.") from None
        _check_port(port, self.gateway_ports)


def _check_port(port: int, allowed: frozenset[int] | None) -> None:
    if allowed is not None and port not in allowed:
        raise PortRefused(f"Use one of the ports {', '.join(map(str, sorted(allowed)))}.")


def understand(stage: Stage, code: int, text: str) -> Answer:
    """What an SMTP reply at `stage` means: the one table of RFC 5321 codes and RFC 3463 statuses (B10)."""
    match = _ENHANCED.match(text)
    enhanced = match.group(1) if match else None
    reply = f"{code} {text}".strip()[:MOST_WORDS]
    return Answer(_meaning(stage, code, enhanced), code, enhanced, reply)


def _meaning(stage: Stage, code: int, enhanced: str | None) -> Outcome:
    # Only the answer to the content says that the provider has it; elsewhere a strange success is no success.
    if stage is Stage.CONTENT and code // 100 not in (4, 5):  # and only a refusal that it has not
        return Outcome.SENT if code // 100 == 2 else Outcome.UNKNOWN
    if stage is Stage.SIGN_IN or code in (530, 534, 535, 538):
        return Outcome.ACCOUNT_REFUSED if 500 <= code < 600 else Outcome.TRY_AGAIN  # what is no answer refuses nobody
    is_full = enhanced == MAILBOX_FULL or (stage is Stage.RECIPIENT and code == NO_ROOM and enhanced is None)
    if code < 500 or stage is Stage.CONNECT or is_full:
        return Outcome.TRY_AGAIN
    is_about_recipient = stage is Stage.RECIPIENT and code != NO_ROOM and not _ABOUT_SENDER.match(enhanced or "")
    return Outcome.RECIPIENT_REFUSED if is_about_recipient else Outcome.MESSAGE_REFUSED


def lost(stage: Stage, words: str) -> Answer:
    """The connection broke or was silent. Only after the whole message was handed over is the truth unknown."""
    return Answer(Outcome.UNKNOWN if stage is Stage.AFTER_CONTENT else Outcome.TRY_AGAIN, reply=words[:MOST_WORDS])


def hidden(words: str, *secrets: str) -> str:
    """The words without these secrets."""
    for secret in secrets:
        words = words.replace(secret, "…")
    return words


def not_made(error_code: str) -> Answer:
    """A message that we could not make ready, for an error of ours: it is tried again, until it is too old."""
    return Answer(Outcome.TRY_AGAIN, reply=f"the message could not be made ready, which is our fault ({error_code})")


def whole(text: str) -> str:
    """Without halves of characters."""
    return text.encode("utf-8", "replace").decode()


def next_delay(schedule: Sequence[float], attempts: int) -> timedelta:
    """How long to wait after `attempts` attempts: growing, and jittered by a fifth so that not all come at once."""
    seconds = schedule[min(attempts, len(schedule)) - 1]
    return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311  not a secret


def has_expired(due_since: datetime, now: datetime, max_age: timedelta) -> bool:
    """True when a message has been tried for so long that it ends in ERROR."""
    return now - due_since > max_age
