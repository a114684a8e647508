"""The timeline over HTTP."""

from typing import Annotated

from fastapi import APIRouter

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, errors, page_of, provided, time_position
from common.mongo import Document
from crm.records.handlers import get_record
from crm.records.storage import RecordStore
from crm.timeline.schemas import TimelineEntry
from crm.timeline.storage import TimelineStore

TimelineDep = Annotated[TimelineStore, provided(TimelineStore)]
RecordsDep = Annotated[RecordStore, provided(RecordStore)]
Reader = Annotated[Caller, requires(Permission.CRM_READ)]

router = APIRouter(tags=["timeline"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("/records/{record_id}/timeline", responses=ALWAYS | errors(NotFound))
async def timeline_of_record(
    record_id: str, caller: Reader, records: RecordsDep, timeline: TimelineDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[TimelineEntry]:
    """What was sent to the contact, and what came of it (C13, D5), newest first."""
    record = await get_record(records, caller.partner_id, record_id)
    if record.email is None:
        return Page(items=[])
    after = time_position(cursor)
    return _page(await timeline.of_address(caller.partner_id, record.email, after, limit + 1), limit)


@router.get("/orders/{order_number:path}/timeline", responses=ALWAYS)
async def timeline_of_order(
    order_number: str, caller: Reader, timeline: TimelineDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[TimelineEntry]:
    """What was sent about an order, newest first."""
    after = time_position(cursor)
    return _page(await timeline.of_order(caller.partner_id, order_number, after, limit + 1), limit)


def _page(found: list[Document], limit: int) -> Page[TimelineEntry]:
    return page_of(found, limit, TimelineEntry.of, lambda one: [one["at"].isoformat(), one["_id"]])
