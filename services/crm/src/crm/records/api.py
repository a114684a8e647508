"""Contact records over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, requires
from common.errors import ChangedMeanwhile, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import (
    Cursor,
    IfMatch,
    Limit,
    Page,
    RequestKey,
    errors,
    etag,
    id_position,
    page_by_id,
    provided,
    version_of,
)
from crm.records import handlers
from crm.records.domain import Kind
from crm.records.schemas import RecordFields, RecordView, as_kept
from crm.records.storage import RecordStore

StoreDep = Annotated[RecordStore, provided(RecordStore)]
Reader = Annotated[Caller, requires(Permission.CRM_READ)]
Writer = Annotated[Caller, requires(Permission.CRM_WRITE)]

router = APIRouter(tags=["records"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post("/records", status_code=201, responses=ALWAYS)
async def add_record(
    new: RecordFields, caller: Writer, store: StoreDep, recording: RecordingDep, response: Response,
    idempotency_key: RequestKey = None,
) -> RecordView:  # fmt: skip
    """Add a person or an organization (C1). Repeating the same `Idempotency-Key` returns the first answer."""
    record = await store.add(caller.partner_id, new.to_domain(), idempotency_key)
    recording.made(record_id=record.id)
    response.headers["ETag"] = etag(record.version)
    return RecordView.of(record)


@router.get("/records", responses=ALWAYS)
async def list_records(
    caller: Reader,
    store: StoreDep,
    kind: Kind | None = None,
    supplier: bool | None = None,
    email: Annotated[str | None, Query(max_length=320)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[RecordView]:
    """The partner's records; `supplier=true` is the supplier list (C2)."""
    email = as_kept(email) if email is not None else None
    found = await store.page(caller.partner_id, kind, supplier, email, id_position(cursor), limit + 1)
    return page_by_id(found, limit, RecordView.of)


@router.get("/records/{record_id}", responses=ALWAYS | errors(NotFound))
async def get_record(record_id: str, caller: Reader, store: StoreDep, response: Response) -> RecordView:
    """One record, with an ETag for safe changes."""
    record = await handlers.get_record(store, caller.partner_id, record_id)
    response.headers["ETag"] = etag(record.version)
    return RecordView.of(record)


@router.put("/records/{record_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile))
async def replace_record(
    record_id: str, new: RecordFields, caller: Writer, store: StoreDep, response: Response, if_match: IfMatch = None
) -> RecordView:
    """Change a record (C13). With `If-Match`, only the version that you read."""
    record = new.to_domain(record_id)
    record = await handlers.replace_record(store, caller.partner_id, record, version_of(if_match))
    response.headers["ETag"] = etag(record.version)
    return RecordView.of(record)


@router.delete("/records/{record_id}", status_code=204, responses=ALWAYS | errors(NotFound, ChangedMeanwhile))
async def remove_record(record_id: str, caller: Writer, store: StoreDep, if_match: IfMatch = None) -> None:
    """Delete a record (C13). With `If-Match`, only the version that you read."""
    await handlers.remove_record(store, caller.partner_id, record_id, version_of(if_match))
