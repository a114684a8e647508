"""Attachments over HTTP (B12)."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import StreamingResponse

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import errors, provided
from outbox.attachments import handlers
from outbox.attachments.domain import (
    AttachmentTooLarge,
    AttachmentTypeRefused,
    AttachmentUnknown,
    NameNeeded,
    UploadTooSlow,
)
from outbox.attachments.handlers import Attachments
from outbox.attachments.schemas import UploadedView
from outbox.domain import MessageUnknown

AttachmentsDep = Annotated[Attachments, provided(Attachments)]
Reader = Annotated[Caller, requires(Permission.OUTBOX_READ)]
Uploader = Annotated[Caller, requires(Permission.ATTACHMENTS_WRITE)]
BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
SAFELY = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}
"""No browser may take for a page of ours what somebody put into an attachment."""

router = APIRouter(tags=["attachments"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post(
    "/attachments",
    status_code=201,
    responses=ALWAYS | errors(NameNeeded, AttachmentTooLarge, AttachmentTypeRefused, UploadTooSlow),
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": BYTES}}},
)
async def upload(
    request: Request,
    caller: Uploader,
    attachments: AttachmentsDep,
    recording: RecordingDep,
    name: Annotated[str, Query(max_length=500, description="As recipients shall see it.")] = "",
    content_type: Annotated[str, Header(max_length=200, include_in_schema=False)] = "",
    content_length: Annotated[int, Header(ge=0, include_in_schema=False)] = 0,
) -> UploadedView:
    """Keep a file, the body of this request, for messages that name it by its id (B12)."""
    handlers.check_size(attachments.limits, content_length)
    kept = await handlers.upload(attachments, caller.partner_id, name, content_type, request.stream())
    recording.made(attachment_id=kept.id)
    return UploadedView.of(kept)


@router.get(
    "/messages/{message_id}/attachments/{number}",
    responses=ALWAYS | errors(MessageUnknown, AttachmentUnknown) | {200: {"content": {"*/*": BYTES}}},
    response_class=StreamingResponse,
)
async def download(
    message_id: str,
    number: Annotated[int, Path(description="Its place in the list, from 1.")],
    caller: Reader,
    attachments: AttachmentsDep,
) -> StreamingResponse:
    """The bytes of an attachment of a message (B12)."""
    one = await handlers.open_one(attachments, caller.partner_id, message_id, number)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(one.name, safe='')}",
        "Content-Length": str(one.size),
    }
    content = attachments.files.read(caller.partner_id, one.id)
    return StreamingResponse(content, media_type=one.type, headers=headers | SAFELY)
