"""The audit log over HTTP: read and export."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, Time, a_file, download, errors, page_of, provided, time_position
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
    return page_of(found, limit, AuditEntryView.of, lambda one: [one.fact.at.isoformat(), one.fact.id])


@router.get("/audit.csv", responses=ALWAYS | a_file("text/csv"), response_class=StreamingResponse)
async def export_csv(caller: Reader, log: LogDep, chosen: Chosen) -> StreamingResponse:
    """The same, all of it, as a CSV file (E6)."""
    return download(exports.as_csv(all_entries(log, caller.partner_id, chosen)), "text/csv", "audit.csv")


@router.get("/audit.ndjson", responses=ALWAYS | a_file("application/x-ndjson"), response_class=StreamingResponse)
async def export_ndjson(caller: Reader, log: LogDep, chosen: Chosen) -> StreamingResponse:
    """The same as JSON, an entry in each line: what the hashes can be computed from again (E6)."""
    pages = all_entries(log, caller.partner_id, chosen)
    return download(exports.as_ndjson(pages), "application/x-ndjson", "audit.ndjson")
