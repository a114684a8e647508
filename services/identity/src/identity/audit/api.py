"""The audit log over HTTP: read and export."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, Time, encode_cursor, errors, provided, time_position
from identity.audit import exports
from identity.audit.handlers import AuditLog, all_entries
from identity.audit.schemas import AuditEntryView
from identity.audit.storage import Filter

LogDep = Annotated[AuditLog, provided(AuditLog)]
Reader = Annotated[Caller, requires(Permission.AUDIT_READ)]

router = APIRouter(tags=["audit"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)
UserId = Annotated[str | None, Query(max_length=64)]


async def _filter(
    since: Time | None = None, until: Time | None = None, user: UserId = None, actor: UserId = None
) -> Filter:
    return Filter(since, until, user, actor)


Chosen = Annotated[Filter, Depends(_filter)]


@router.get("/audit", responses=ALWAYS)
async def list_entries(
    caller: Reader, log: LogDep, chosen: Chosen, limit: Limit = 50, cursor: Cursor = None
) -> Page[AuditEntryView]:
    """What was done in the caller's account, by his own people and by whoever acted for them; newest first (E6)."""
    found = await log.store.page(caller.partner_id, chosen, time_position(cursor), limit + 1)
    last = found[limit - 1].fact if len(found) > limit else None
    following = encode_cursor([last.at.isoformat(), last.id]) if last else None
    return Page(items=[AuditEntryView.of(entry) for entry in found[:limit]], next=following)


@router.get("/audit.csv", responses=ALWAYS, response_class=StreamingResponse)
async def export_csv(caller: Reader, log: LogDep, chosen: Chosen) -> StreamingResponse:
    """The same, all of it, as a CSV file (E6)."""
    return _file(exports.as_csv(all_entries(log, caller.partner_id, chosen)), "text/csv", "audit.csv")


@router.get("/audit.ndjson", responses=ALWAYS, response_class=StreamingResponse)
async def export_ndjson(caller: Reader, log: LogDep, chosen: Chosen) -> StreamingResponse:
    """The same as JSON, an entry in each line: what the hashes can be computed from again (E6)."""
    pages = all_entries(log, caller.partner_id, chosen)
    return _file(exports.as_ndjson(pages), "application/x-ndjson", "audit.ndjson")


def _file(parts: exports.Parts, media_type: str, name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=f"{media_type}; charset=utf-8", headers=headers)
