"""A wrong setting ends a service at its start, and is named without what stands in it, or in any other (B11)."""

import os
import subprocess
import sys

import pytest

SECRETS = {"MONGO_URL": "mongodb://shop:hunter2@127.0.0.1", "KAFKA_PASSWORD": "hunter2", "OUTBOX_KEYRING": "k1:hunter2"}


def start(service: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """It ends by itself, since something is wrong."""
    command = [sys.executable, "-m", service]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "wrong", [{"SERVICE_PORT": "hunter2"}, {"KAFKA_SASL_MECHANISM": "hunter2"}, {"LOG_LEVEL": "hunter2"}]
)
def test_a_wrong_setting_is_named_and_not_quoted(wrong: dict[str, str]) -> None:
    """B11."""
    ended = start("outbox", **SECRETS | wrong)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{next(iter(wrong))}: ")
    assert "hunter2" not in ended.stdout + ended.stderr


def test_a_missing_setting_is_named_and_the_others_are_not_quoted() -> None:
    """B11: what is in hand where one is missing are all others."""
    given = {name: value for name, value in SECRETS.items() if name != "OUTBOX_KEYRING"}
    ended = start("outbox", **given)
    assert (ended.returncode, ended.stderr) == (1, "OUTBOX_KEYRING: Field required\n")


def test_a_keyring_that_is_none_is_not_quoted() -> None:
    """B11."""
    ended = start("outbox", **SECRETS)
    assert ended.returncode == 1
    assert "a keyring is id:base64 with 32 bytes each" in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr
