"""The audit log as a file, made while it is sent."""

import json
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

from common import sheets
from identity.audit.domain import Entry
from identity.audit.schemas import line_of

COLUMNS = (
    "sequence", "at", "user_id", "actor_user_id", "actor_partner_id", "session_id", "network", "service", "action",
    "target", "details", "outcome", "status", "id", "previous", "hash",
)  # fmt: skip


async def as_csv(pages: AsyncIterable[Sequence[Entry]]) -> AsyncIterator[str]:
    """A header, then a line for each entry."""
    yield sheets.lines([COLUMNS])
    async for page in pages:
        yield sheets.lines(_row(line_of(one)) for one in page)


async def as_ndjson(pages: AsyncIterable[Sequence[Entry]]) -> AsyncIterator[str]:
    """A JSON object in each line."""
    async for page in pages:
        yield "".join(json.dumps(line_of(one), ensure_ascii=False) + "\n" for one in page)


def _row(line: dict[str, Any]) -> list[str]:
    actor = line["actor"] or {}
    flat = line | {f"actor_{name}": actor.get(name) for name in ("user_id", "partner_id")}
    return [_text(flat[name]) for name in COLUMNS]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, ensure_ascii=False) if value else ""
    return "" if value is None else str(value)
