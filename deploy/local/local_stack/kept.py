"""What this checkout's platform keeps for itself: its secrets and its first user, readable by the owner alone."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

STAFF_EMAIL = "staff@switchboard.example"


def keyrings(folder: Path) -> dict[str, str]:
    """The keys that identity and outbox encrypt with: variable -> keyring, made once."""
    return _kept(folder / "secrets.json", lambda: {f"{name}_KEYRING": _key() for name in ("IDENTITY", "OUTBOX")})


def staff(folder: Path) -> dict[str, str]:
    """E-mail and password of the first staff user, made once."""
    return _kept(
        folder / "staff.json", lambda: {"STAFF_EMAIL": STAFF_EMAIL, "STAFF_PASSWORD": secrets.token_urlsafe(18)}
    )


def _key() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _kept(file: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as new:
            json.dump(make(), new, indent=1)
    return json.loads(file.read_text())
