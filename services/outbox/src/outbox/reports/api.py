"""Reports over HTTP: mails that came back, from the operator's or a partner's mail server."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import errors, provided
from outbox.reports import handlers
from outbox.reports.domain import ReportTooLarge, TooManyReports
from outbox.reports.handlers import Reports
from outbox.reports.returned import READ_BYTES
from outbox.reports.schemas import MailTaken

ReportsDep = Annotated[Reports, provided(Reports)]
Reporter = Annotated[Caller, requires(Permission.REPORTS_WRITE)]
BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

router = APIRouter(tags=["reports"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post(
    "/inbound/mail",
    responses=ALWAYS | errors(ReportTooLarge, TooManyReports),
    openapi_extra={"requestBody": {"required": True, "content": {"message/rfc822": BYTES}}},
)
async def take_mail(
    request: Request, caller: Reporter, reports: ReportsDep, content_length: Annotated[int, Header(ge=0)] = 0
) -> MailTaken:
    """A mail that came to a bounce domain, as it is (RFC 5322). What is no report of ours is counted and forgotten."""
    raw = await _beginning(request, content_length, reports.most_bytes, READ_BYTES)
    return MailTaken(was=await handlers.hand_in(reports, raw, caller.user_id))


async def _beginning(request: Request, announced: int, most: int, wanted: int) -> bytes:
    """The first `wanted` bytes of the body; the others are let go. Raises ReportTooLarge for more than `most`."""
    read, size = b"", announced
    if size <= most:
        size = 0
        async for part in request.stream():
            size += len(part)
            read += part[: wanted - len(read)]
            if size > most:
                break
    if size > most:
        raise ReportTooLarge(f"It may have {most} bytes.", most_bytes=most)
    return read
