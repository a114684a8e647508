"""What every service takes from its environment. A service's own `settings.py` adds to `ServiceSettings`.

Each field is read from the environment variable of its name in capitals, or from a file of that name in
`/run/secrets` (container secrets; another folder with `SECRETS_DIR`).
"""

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

DEAD_LETTER_ROOM = 10_000
"""Bytes that a dead letter may have more than a record: for the headers that say why."""


def secrets_dir() -> str | None:
    """The folder of secret files, if there is one: `SECRETS_DIR`, or `/run/secrets`."""
    folder = os.environ.get("SECRETS_DIR", "/run/secrets")
    return folder if Path(folder).is_dir() else None


class KafkaSettings(BaseSettings):
    """How to reach the broker, and how to read from it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_bootstrap: str = Field(default="127.0.0.1:19092", description="host:port, several with commas")
    kafka_prefix: str = Field(default="", description="put before every topic and group name, for a shared broker")
    kafka_security_protocol: str = Field(default="PLAINTEXT", pattern="^(PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL)$")
    kafka_sasl_mechanism: str = Field(default="SCRAM-SHA-512", pattern="^(PLAIN|SCRAM-SHA-256|SCRAM-SHA-512)$")
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_replication: int = Field(
        default=1, ge=1, description="copies of each topic made by `python -m common.kafka topics`"
    )
    kafka_session_timeout_ms: int = Field(
        default=6_000, ge=1_000, description="a dead reader's share is given away after this"
    )
    kafka_batch: int = Field(default=500, ge=1, le=5_000, description="records handled at once at the most")
    kafka_pace_ms: int = Field(
        default=15, ge=0, le=1_000, description="batches of a reader begin so far apart at least"
    )
    kafka_attempts: int = Field(
        default=3, ge=1, description="tries of a single failing record before it is a dead letter"
    )
    kafka_dead_letters_per_minute: int = Field(default=100, ge=1, description="more than this stops the reader")
    kafka_max_record_bytes: int = Field(default=2_000_000, ge=10_000)

    def __init__(self, **values: Any) -> None:
        """Ends the process where one is wrong, in words for the operator: those of pydantic quote the others, too."""
        try:
            super().__init__(_secrets_dir=secrets_dir(), **values)
        except ValidationError as error:
            wrong = error.errors(include_input=False, include_context=False, include_url=False)
            words = [f"{str(one['loc'][0]).upper()}: {one['msg']}" for one in wrong]
            raise SystemExit("\n".join(words)) from None


class ServiceSettings(KafkaSettings):
    """Settings that all five services share."""

    service_name: str
    service_host: str = "127.0.0.1"
    service_port: int = Field(default=8000, ge=0, le=65535)
    stop_seconds: float = Field(default=8.0, gt=0, description="what is in hand may take this long after SIGTERM")
    keep_alive_seconds: int = Field(
        default=75, ge=1, description="an idle HTTP connection stays open; longer than a client or balancer keeps it"
    )
    request_most_bytes: int = Field(
        default=10_000_000, ge=100_000, description="of a request's body, which is read before anybody knows who asks"
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL)$")

    mongo_url: SecretStr = SecretStr("mongodb://127.0.0.1:27117/?directConnection=true")
    mongo_database: str = ""
    mongo_pool: int = Field(default=50, ge=1)
    mongo_timeout_ms: int = Field(default=10_000, ge=100, description="one operation may take this long")
    dead_letters_kept_days: float = Field(
        default=90, gt=0, description="replayed and discarded dead letters are forgotten after this"
    )

    refusals_logged_per_second: int = Field(
        default=10, ge=1, description="lines about refused requests, of each reason; the next says how many more"
    )
    audit_unknown_seconds: float = Field(
        default=60, gt=0, description="an audited request whose process is gone is told as unknown after this"
    )

    token_issuer: str = "https://identity.switchboard"  # noqa: S105
    token_audience: str = "switchboard"  # noqa: S105
    token_leeway_seconds: int = Field(default=30, ge=0, le=300, description="tolerated difference of clocks")
    revocation_silence_seconds: float = Field(
        default=5, ge=2, le=60, description="without news of revocations nobody acts for somebody else after this"
    )

    @property
    def database(self) -> str:
        """The name of this service's own database."""
        return self.mongo_database or f"switchboard_{self.service_name}"
