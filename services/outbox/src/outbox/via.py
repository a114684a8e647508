"""The ways to a provider: what a sender account says of it (B11). No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit


@dataclass(frozen=True)
class OAuth:
    """Where access tokens to sign in with are asked for, and by which client."""

    token_url: str
    client_id: str
    scope: str | None
    """None: what the refresh token was given for."""

    @property
    def origin(self) -> str:
        """As the operator allows it: without a path."""
        parts = urlsplit(self.token_url)
        return f"{parts.scheme}://{parts.netloc}".lower()


@dataclass(frozen=True)
class Smtp:
    """A mail server."""

    kind: ClassVar[str] = "smtp"
    protocol: ClassVar[str] = "smtp"
    is_idempotent: ClassVar[bool] = False
    remembers: ClassVar[timedelta | None] = None

    host: str
    port: int
    tls: str
    username: str | None
    bounce_domain: str | None = field(default=None, kw_only=True)
    """Where mails that cannot be delivered are returned to; None: to whom they are from."""

    oauth: OAuth | None = field(default=None, kw_only=True)
    """None: the secret is a password. Else it is what access tokens are asked for with."""

    @property
    def destination(self) -> tuple[object, ...]:
        """Where the secret goes, for whom, and how it is protected."""
        token = (self.oauth.token_url, self.oauth.client_id) if self.oauth else ()
        return self.host, self.port, self.tls, self.username, *token

    def addressed(self, recipient: str) -> str:
        """The address that the server is given for `recipient`."""
        return recipient


@dataclass(frozen=True)
class FaxByMail(Smtp):
    """A mail server that makes faxes of mails: the number is a part of the address."""

    kind: ClassVar[str] = "fax_by_mail"

    address_pattern: str
    """With `{number}`, which is put in without its plus sign."""

    def addressed(self, recipient: str) -> str:
        return self.address_pattern.replace("{number}", recipient.removeprefix("+"))


@dataclass(frozen=True)
class SmsApi:
    """SMSAPI's HTTP interface: a message's id is its `idx`, which is accepted once in a day."""

    kind: ClassVar[str] = "smsapi"
    protocol: ClassVar[str] = "http"
    is_idempotent: ClassVar[bool] = True
    remembers: ClassVar[timedelta | None] = timedelta(days=1)
    """How long it knows a message again by its id; None: always, if it does."""

    url: str
    """Without a path."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def destination(self) -> tuple[object, ...]:
        return (self.url,)

    def addressed(self, recipient: str) -> str:
        return recipient.removeprefix("+")


@dataclass(frozen=True)
class GatewayReports:
    """How a gateway reports what became of a message. `_at` are JSON Pointers."""

    signature_header: str
    timestamp_header: str | None
    """What is in it, and a dot, are signed before the body; None: the body alone."""
    list_at: str | None
    """Where a list of reports is; None: the document is one, or a list of them."""
    id_at: str
    status_at: str
    words_at: str | None
    statuses: Mapping[str, str]
    """The gateway's statuses, each "delivered", "pending" or "failed". Others mean nothing."""


@dataclass(frozen=True)
class HttpGateway:
    """Any gateway that takes a message as one POST of JSON."""

    kind: ClassVar[str] = "http"
    protocol: ClassVar[str] = "http"
    remembers: ClassVar[timedelta | None] = None

    url: str
    body: str
    """A JSON document in whose texts `{to}`, `{text}`, `{sender}`, `{id}` and `{channel}` are put in."""
    secret_header: str | None
    """None: the secret is a bearer token."""
    idempotency_header: str | None
    """Gets the message's id. None: nobody knows what the gateway does with a repeated request."""
    provider_id_at: str | None
    """JSON Pointer (RFC 6901) to the gateway's own id in its answer."""
    reports: GatewayReports | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_idempotent(self) -> bool:
        return self.idempotency_header is not None

    @property
    def destination(self) -> tuple[object, ...]:
        return self.url, self.secret_header

    def addressed(self, recipient: str) -> str:
        return recipient


Via = Smtp | FaxByMail | SmsApi | HttpGateway
KINDS: dict[str, type[Smtp] | type[FaxByMail] | type[SmsApi] | type[HttpGateway]] = {
    one.kind: one for one in (Smtp, FaxByMail, SmsApi, HttpGateway)
}
