"""What this checkout's platform keeps for itself: its secrets and its first user, readable by the owner alone."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

STAFF_EMAIL = "staff@switchboard.example"


KEYRINGS = {
    "identity": "IDENTITY_KEYRING",
    "notifications": "UNSUBSCRIBE_KEYRING",
    "outbox": "OUTBOX_KEYRING",
}


def keyring(folder: Path, service: str) -> dict[str, str]:
    """The keys that a service encrypts or signs with: variable -> keyring, made once; empty when it has none."""
    kept = _kept(folder / "secrets.json", lambda: {name: _key() for name in KEYRINGS.values()})
    return {name: kept[name] for of, name in KEYRINGS.items() if of == service}


def staff(folder: Path) -> dict[str, str]:
    """E-mail and password of the first staff user, made once."""
    return _kept(
        folder / "staff.json", lambda: {"STAFF_EMAIL": STAFF_EMAIL, "STAFF_PASSWORD": secrets.token_urlsafe(18)}
    )


def _key() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def _kept(file: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What is in `file`; what it lacks is made, the first time all of it."""
    there = json.loads(file.read_text()) if file.exists() else {}
    kept = make() | there
    if kept != there:
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        with open(new, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as to:
            json.dump(kept, to, indent=1)
        new.replace(file)
    return kept
