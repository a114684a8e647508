"""What the outbox takes from its environment, besides what all services do."""

from typing import Literal

from pydantic import Field, SecretStr

from common.settings import ServiceSettings


class Settings(ServiceSettings):
    """`OUTBOX_KEYRING` has no default: without it no account's secret can be kept."""

    service_name: str = "outbox"
    service_port: int = 8004
    outbox_keyring: SecretStr = Field(description="id:base64 of 32 bytes, several with commas, the newest first")

    claim_batch: int = Field(default=500, ge=1, le=5_000, description="messages claimed at once")
    beside_urgent_per_second: int = Field(
        default=1_000, ge=1, description="less urgent messages are claimed so fast while more urgent ones come in"
    )
    lease_seconds: float = Field(
        default=7.0, ge=1, description="a process works by a claim so long without renewing it"
    )
    retry_schedule_seconds: str = Field(default="30,120,600,1800,3600,7200", description="delays; the last one repeats")
    max_age_hours: float = Field(default=72.0, gt=0, description="after this a message that still waits ends in ERROR")
    stop_after_refusals: int = Field(default=5, ge=1, description="refused so often in a row, an account is stopped")
    refused_rest_seconds: float = Field(default=30.0, gt=0, description="a refused account is not tried again before")
    platform_partner: str = Field(default="platform", description="whose account tells owners that theirs is stopped")
    account_connections: int = Field(default=20, ge=1, description="most connections that an account may ask for")
    smtp_timeout_seconds: float = Field(default=30.0, gt=0, description="for each answer of a mail server")
    smtp_content_timeout_seconds: float = Field(default=600.0, gt=0, description="for its answer to a mail's content")
    smtp_idle_seconds: float = Field(default=30.0, gt=0, description="an idle connection is closed after this")
    smtp_allowed_inner_hosts: str = Field(default="", description="inner addresses that accounts may name, with commas")
    smtp_ports: str = Field(default="25,465,587,2525", description="ports that accounts may name; * for any")
    gateway_timeout_seconds: float = Field(default=30.0, gt=0, description="for the whole answer of a gateway")
    gateway_longest_wait_seconds: float = Field(
        default=3600.0, ge=0, description="most that a gateway's Retry-After is heeded"
    )
    gateway_allowed_inner_hosts: str = Field(
        default="", description="inner gateways that accounts may name, also without TLS, with commas"
    )
    gateway_ports: str = Field(default="443", description="ports that accounts may name in URLs; * for any")
    oauth_token_hosts: str = Field(
        default="oauth2.googleapis.com,login.microsoftonline.com",
        description="where accounts may ask for access tokens, with commas",
    )
    oauth_timeout_seconds: float = Field(default=10.0, gt=0, description="for the whole answer of such a host")
    oauth_early_seconds: float = Field(default=60.0, ge=0, description="a token is not used so shortly before its end")
    imap_host: str = Field(default="", description="the mailbox that bounces come to; empty: there is none")
    imap_port: int = Field(default=993, ge=1, le=65535, description="of that mailbox")
    imap_tls: Literal["tls", "starttls", "none"] = Field(default="tls", description="none is for tests")
    imap_username: str = Field(default="", description="who reads it")
    imap_password: SecretStr = Field(default=SecretStr(""), description="with this")
    imap_folder: str = Field(default="INBOX", pattern=r'^[^"\\\x00-\x1f\x7f]+$', description="which of its folders")
    imap_look_seconds: float = Field(default=60.0, gt=0, description="how often it is looked at")
    imap_timeout_seconds: float = Field(default=30.0, gt=0, description="for each answer of it")
    inbound_most_bytes: int = Field(default=50_000_000, ge=1, description="of a mail that came back")
    public_url: str = Field(default="", max_length=300, description="where SMSAPI reaches us; empty: it does not")
    report_most_bytes: int = Field(default=100_000, ge=1, description="of one request of a gateway")
    report_window_seconds: float = Field(default=300.0, gt=0, description="a signature may be so old, or early")
    reports_per_minute: int = Field(default=6_000, ge=1, description="from one mail server, or of one account")
    report_wait_minutes: float = Field(default=60.0, gt=0, description="a report may come so long before our result")
    prune_look_seconds: float = Field(default=60.0, gt=0, description="how often partners who sent mail are looked at")
    prune_after_days: float = Field(default=7.0, gt=0, description="what finished before goes when new mail is sent")
    deleted_kept_days: float = Field(
        default=400, ge=30, description="ids of deleted messages, so that none is sent again"
    )
    attachment_most_bytes: int = Field(default=20_000_000, ge=1, description="of one attachment")
    attachments_most: int = Field(default=10, ge=0, description="attachments of one message")
    attachments_most_bytes: int = Field(default=25_000_000, ge=1, description="of all attachments of one message")
    attachment_types: str = Field(
        default="application/pdf,application/xml,image/jpeg,image/png,text/calendar,text/csv,text/plain",
        description="media types that may be sent",
    )
    attachment_hosts: str = Field(
        default="", description="where events may name attachments to be fetched, with commas"
    )
    attachment_seconds: float = Field(default=300.0, gt=0, description="the bytes of one may take this long to come")
    attachments_kept_hours: float = Field(default=24.0, gt=0, description="bytes that no message has go after this")
    attachments_look_seconds: float = Field(default=60.0, gt=0, description="how often such bytes are looked for")

    @property
    def most_bytes_streamed(self) -> dict[str, int]:
        """Of requests at these paths, whose routes count what comes and keep none of it in memory."""
        return {"/attachments": self.attachment_most_bytes, "/inbound/mail": self.inbound_most_bytes}

    @property
    def attachment_origins(self) -> frozenset[str]:
        return _origins(self.attachment_hosts)

    @property
    def token_origins(self) -> frozenset[str]:
        return _origins(self.oauth_token_hosts)

    @property
    def media_types(self) -> frozenset[str]:
        return frozenset(part.strip().lower() for part in self.attachment_types.split(",") if part.strip())

    @property
    def retry_delays(self) -> tuple[float, ...]:
        return tuple(float(part) for part in self.retry_schedule_seconds.split(","))

    @property
    def inner_hosts(self) -> frozenset[str]:
        return _names(self.smtp_allowed_inner_hosts)

    @property
    def inner_gateways(self) -> frozenset[str]:
        return _names(self.gateway_allowed_inner_hosts)

    @property
    def ports(self) -> frozenset[int] | None:
        """Of mail servers; None: any."""
        return _ports(self.smtp_ports)

    @property
    def ports_of_gateways(self) -> frozenset[int] | None:
        """None: any."""
        return _ports(self.gateway_ports)


def _origins(text: str) -> frozenset[str]:
    """A host alone means HTTPS."""
    hosts = (part.strip().lower().rstrip("/") for part in text.split(","))
    return frozenset(host if "://" in host else f"https://{host}" for host in hosts if host)


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _ports(text: str) -> frozenset[int] | None:
    return None if text.strip() == "*" else frozenset(int(part) for part in text.split(","))
