"""Requests and answers about sender accounts: flat documents, told apart by `via`."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    EmailStr,
    Field,
    JsonValue,
    SecretStr,
    StringConstraints,
    Tag,
    TypeAdapter,
    model_validator,
)

from common.ids import new_id
from outbox.account_fields import (
    NO_CONTROL,
    Body,
    Domain,
    FreeHeader,
    Header,
    HeaderSecret,
    Host,
    Name,
    Origin,
    Pointer,
    Secret,
    SenderName,
    Status,
    Url,
    User,
)
from outbox.domain import Account
from outbox.oauth.domain import Grant
from outbox.oauth.schemas import OAuthFields
from outbox.rates.domain import Rate
from outbox.via import FaxByMail, GatewayReports, HttpGateway, OAuth, SmsApi, Smtp, Via

WAYS = "`via` must be smtp (also when it is left out), fax_by_mail, smsapi or http"
HOST = {"host": "smtp.example.com", "port": 587, "username": "shop", "password": "..."}
MAILS: dict[str, JsonValue] = {"name": "Shop", "from_address": "shop@kettle.example", **HOST, "is_default": True}


class _New(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name
    is_default: bool = Field(
        default=False, description="Messages of its channel go through this account; only one is the default."
    )
    max_connections: int = Field(default=4, ge=1, le=20)
    per_second: float | None = Field(default=None, gt=0, le=1000, description="Most messages in a second, on average.")
    per_day: int | None = Field(default=None, ge=1, le=100_000_000, description="Most messages in a day, by UTC.")


class _View(BaseModel):
    id: str
    name: str
    has_secret: bool
    is_default: bool
    max_connections: int
    per_second: float | None
    per_day: int | None


class _MailServer(BaseModel):
    from_address: EmailStr
    from_name: SenderName = ""
    host: Host
    port: int = Field(ge=1, le=65535)
    tls: Literal["none", "starttls", "tls"] = "starttls"
    username: User | None = None
    bounce_domain: Domain | None = Field(
        default=None,
        description="What cannot be delivered is returned there, and its mail comes to us. null: to the sender.",
    )
    oauth: OAuthFields | None = Field(default=None, description="It signs in with XOAUTH2. null: with a password.")


class _Smtp(_MailServer):
    """A mail server."""

    via: Literal["smtp"] = "smtp"
    channel: Literal["email"] = "email"


class _FaxByMail(_MailServer):
    """A mail server that makes faxes of mails."""

    via: Literal["fax_by_mail"]
    channel: Literal["fax"] = "fax"
    address_pattern: Annotated[
        str, StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9._+-]*\{number\}[A-Za-z0-9._-]*@[A-Za-z0-9.-]+$")
    ] = Field(description="For example `{number}@fax.example`: the number is put in without its plus sign.")


class _SmsApi(BaseModel):
    """SMSAPI."""

    via: Literal["smsapi"]
    channel: Literal["sms"] = "sms"
    sender: Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=NO_CONTROL)] = Field(
        description="A sender name that SMSAPI knows."
    )
    url: Origin = "https://api.smsapi.com"


class Reports(BaseModel):
    """How the gateway reports what became of a message."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    signature_header: Header = Field(description="HMAC-SHA256 in hex, also behind `sha256=`.", examples=["X-Signature"])
    timestamp_header: Header | None = Field(
        description="Unix seconds, signed with a dot before the body. null: the body alone is signed.",
        examples=["X-Timestamp"],
    )
    list_at: Pointer | None = Field(default=None, description="Where the list is; null: a report or a list of them.")
    id_at: Pointer = Field(description="Where in a report the gateway's own id of the message is.")
    status_at: Pointer = Field(description="Where its status is.")
    words_at: Pointer | None = Field(default=None, description="Where the reason is, in words.")
    statuses: dict[Status, Literal["delivered", "pending", "failed"]] = Field(
        min_length=1, max_length=100, description="What its statuses mean. Others mean nothing, and are ignored."
    )


class _Http(BaseModel):
    """Any gateway that takes a message as one POST of JSON."""

    via: Literal["http"]
    channel: Literal["sms", "whatsapp", "viber", "fax"]
    sender: SenderName = Field(default="", description="A name or number, as the gateway wants it.")
    url: Url
    body: Body = Field(
        description="In its texts `{to}` (E.164), `{text}`, `{sender}`, `{id}` and `{channel}` are put in.",
        examples=[{"messaging_product": "whatsapp", "to": "{to}", "type": "text", "text": {"body": "{text}"}}],
    )
    secret_header: FreeHeader | None = Field(default=None, description="null: `Authorization: Bearer` with the secret.")
    idempotency_header: FreeHeader | None = Field(
        default=None, description="Only where the gateway keeps this promise: one id, one message."
    )
    provider_id_at: Pointer | None = Field(default=None, description="JSON Pointer to its own id in its answer.")
    reports: Reports | None = Field(default=None, description="It reports to `POST /accounts/{id}/reports`.")


class _SignIn(_MailServer):
    """What a mail server is signed in to with; kept encrypted and never shown again."""

    password: Secret | None = None
    refresh_token: Secret | None = Field(default=None, description="For `oauth`.")
    client_secret: Secret | None = Field(default=None, description="Given with each `refresh_token`, if there is one.")

    @model_validator(mode="after")
    def _fits(self) -> "_SignIn":
        if self.oauth and (self.password or not self.username):
            raise ValueError("with `oauth` give a `username`, and no `password`")
        if self.refresh_token and not self.oauth:
            raise ValueError("a `refresh_token` needs `oauth`")
        if self.client_secret and not self.refresh_token:
            raise ValueError("give the `refresh_token` with its `client_secret`")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """All of it as one."""
        if self.refresh_token is None:
            return self.password
        client_secret = self.client_secret.get_secret_value() if self.client_secret else None
        return SecretStr(str(Grant(self.refresh_token.get_secret_value(), client_secret)))


class NewSmtp(_New, _SignIn, _Smtp):
    """A mail server (B11). The password is kept encrypted and never shown again."""

    model_config = ConfigDict(json_schema_extra={"examples": [MAILS]})


class NewFaxByMail(_New, _SignIn, _FaxByMail):
    """A mail server that makes faxes of mails (B11)."""


class NewSmsApi(_New, _SmsApi):
    """SMSAPI (B11). The token is kept encrypted and never shown again."""

    token: HeaderSecret | None = None


class NewHttp(_New, _Http):
    """A gateway that takes a message as one POST of JSON (B11). The secret is kept encrypted and never shown again."""

    secret: HeaderSecret | None = None
    reports_secret: Secret | None = Field(default=None, description="Signs reports; kept encrypted, too.")


class SmtpView(_View, _Smtp):
    pass


class FaxByMailView(_View, _FaxByMail):
    pass


class SmsApiView(_View, _SmsApi):
    pass


class HttpView(_View, _Http):
    has_reports_secret: bool


def _way(value: Any) -> str:
    """Without a `via` it is a mail server."""
    return value.get("via", "smtp") if isinstance(value, Mapping) else getattr(value, "via", "smtp")


AccountFields = Annotated[
    Annotated[NewSmtp, Tag("smtp")]
    | Annotated[NewFaxByMail, Tag("fax_by_mail")]
    | Annotated[NewSmsApi, Tag("smsapi")]
    | Annotated[NewHttp, Tag("http")],
    Discriminator(_way, custom_error_type="via_unknown", custom_error_message=WAYS),
]
AccountView = Annotated[SmtpView | FaxByMailView | SmsApiView | HttpView, Field(discriminator="via")]
_VIEW: TypeAdapter[AccountView] = TypeAdapter(AccountView)


def to_domain(new: AccountFields, partner_id: str, most_connections: int, account_id: str | None = None) -> Account:
    """The account as it is meant, its secret in the open."""
    via, sender, secret = _parts(new)
    return Account(
        id=account_id or new_id("acc"),
        partner_id=partner_id,
        name=new.name,
        channel=new.channel,
        via=via,
        from_address=sender,
        from_name=new.from_name if isinstance(new, NewSmtp | NewFaxByMail) else "",
        secret=secret.get_secret_value() if secret else None,
        is_default=new.is_default,
        max_connections=min(new.max_connections, most_connections),
        rate=Rate(new.per_second, new.per_day),
        reports_secret=_reports_secret(new),
    )


def _reports_secret(new: AccountFields) -> str | None:
    return new.reports_secret.get_secret_value() if isinstance(new, NewHttp) and new.reports_secret else None


def _parts(new: AccountFields) -> tuple[Via, str, SecretStr | None]:
    """The way, who sends, and the secret."""
    match new:
        case NewSmtp():
            via = Smtp(new.host, new.port, new.tls, new.username, bounce_domain=new.bounce_domain, oauth=_oauth(new))
            return via, new.from_address, new.secret
        case NewFaxByMail():
            via = FaxByMail(
                new.host, new.port, new.tls, new.username, new.address_pattern,
                bounce_domain=new.bounce_domain, oauth=_oauth(new),
            )  # fmt: skip
            return via, new.from_address, new.secret
        case NewSmsApi():
            return SmsApi(new.url), new.sender, new.token
        case NewHttp():
            body = json.dumps(new.body)
            reports = GatewayReports(**new.reports.model_dump()) if new.reports else None
            via = HttpGateway(new.url, body, new.secret_header, new.idempotency_header, new.provider_id_at, reports)
            return via, new.sender, new.secret


def _oauth(new: _SignIn) -> OAuth | None:
    return OAuth(**new.oauth.model_dump()) if new.oauth else None


def view_of(account: Account) -> AccountView:
    """The account without its secret."""
    fields: dict[str, Any] = {name: getattr(account, name) for name in ("id", "name", "is_default", "max_connections")}
    fields |= {"has_secret": account.secret is not None, "via": account.via.kind, "channel": account.channel}
    fields |= vars(account.via) | asdict(account.rate)
    if isinstance(account.via, Smtp):
        fields |= {"from_address": account.from_address, "from_name": account.from_name}
    else:
        fields["sender"] = account.from_address
    if isinstance(account.via, HttpGateway):
        fields |= {"body": json.loads(account.via.body), "has_reports_secret": account.reports_secret is not None}
    return _VIEW.validate_python(fields)
