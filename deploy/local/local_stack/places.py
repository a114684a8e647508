"""Where things are: the checkout, its own folders, and the cache that all checkouts of a user share."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HERE = ROOT / "deploy" / "local"
STATE = ROOT / ".local"
"""Data, logs and secrets of this checkout's stack; `make clean` forgets it."""
PYTHON = ROOT / ".venv" / "bin" / "python"
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")
MEMBERS = ("libs/common", *(f"services/{name}" for name in SERVICES))


def cache() -> Path:
    """`SWITCHBOARD_CACHE`, or `switchboard` in the user's cache folder."""
    own = os.environ.get("SWITCHBOARD_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(own) if own else base / "switchboard"
