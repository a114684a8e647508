"""A ring gets a new key: the operators' command, and what in a database is sealed with which key."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.support.platform import KEYRING, Service

NEWER = "k2:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
BOTH = f"{NEWER},{KEYRING}"
_SEALED = re.compile(r"(k\d)\.[\w-]{38,}=*")


@dataclass(frozen=True)
class Rotated:
    """What the command came to: by each place, how many were sealed anew, and how many need which older key."""

    code: int
    renewed: dict[str, int]
    older: dict[str, dict[str, int]]
    said: str


async def rotate(service: Service, *options: str) -> Rotated:
    """Run the command with the settings of the service."""
    command = [sys.executable, "-m", service.name, "rotate-keyring", *options]
    run = subprocess.run
    done = await asyncio.to_thread(run, command, env=service.environment, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    renewed = {one["sealed"]: one["renewed"] for one in lines}
    older = {one["sealed"]: one["need_older_keys"] for one in lines}
    return Rotated(done.returncode, renewed, older, done.stdout + done.stderr)


async def give_ring(service: Service, keyring: str) -> None:
    """Restart it with another ring."""
    await service.stop()
    service.environment[f"{service.name.upper()}_KEYRING"] = keyring
    await service.start()


async def sealed_values(service: Service) -> dict[str, dict[str, int]]:
    """Of every document in its database: where sealed values stand, and how many of which key."""
    found: dict[str, dict[str, int]] = {}
    for name in await service.database.list_collection_names():
        async for document in service.database[name].find():
            for path, text in _texts(name, document):
                if sealed := _SEALED.fullmatch(text):
                    by_key = found.setdefault(path, {})
                    by_key[sealed[1]] = by_key.get(sealed[1], 0) + 1
    return found


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text within, and where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(f"{path}.{name}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(path, inner)
