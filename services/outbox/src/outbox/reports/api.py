"""Reports over HTTP: mails that came back, from a mail server, and what gateways say of texts."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse

from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import errors, provided
from outbox.reports import callbacks, handlers
from outbox.reports.domain import ReportTooLarge, SignatureWrong, TooManyReports
from outbox.reports.handlers import Reports
from outbox.reports.returned import READ_BYTES
from outbox.reports.schemas import MailTaken, ReportsTaken

ReportsDep = Annotated[Reports, provided(Reports)]
Reporter = Annotated[Caller, requires(Permission.REPORTS_WRITE)]
BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}

router = APIRouter(tags=["reports"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post(
    "/inbound/mail",
    responses=ALWAYS | errors(ReportTooLarge, TooManyReports),
    openapi_extra={"requestBody": {"required": True, "content": {"*/*": BYTES}}},
)
async def take_mail(request: Request, caller: Reporter, reports: ReportsDep) -> MailTaken:
    """A mail that came to a bounce domain, as it is (RFC 5322). What is no report of ours is counted and forgotten."""
    raw = await _beginning(request, reports.limits.most_bytes_of_mail, READ_BYTES)
    return MailTaken(was=await handlers.hand_in(reports, raw, caller.user_id))


@router.post(
    "/accounts/{account_id}/reports",
    responses=errors(SignatureWrong, ReportTooLarge, Invalid, TooManyReports),
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}},
)
async def take_reports(account_id: str, request: Request, reports: ReportsDep) -> ReportsTaken:
    """What the gateway of an account says became of messages. Needs no token: it is signed as the account says."""
    most = reports.limits.most_bytes
    body = await _beginning(request, most, most)
    return ReportsTaken(understood=await handlers.take_signed(reports, account_id, request.headers, body))


@router.get(
    "/accounts/{account_id}/reports/{proof}",
    response_class=PlainTextResponse,
    responses=errors(SignatureWrong, Invalid, TooManyReports),
)
async def take_smsapi_reports(
    account_id: str,
    proof: str,
    reports: ReportsDep,
    ids: Annotated[str, Query(alias="MsgId", max_length=5_000)] = "",
    status: Annotated[str, Query(max_length=1_000)] = "",
    idx: Annotated[str, Query(max_length=10_000)] = "",
    donedate: Annotated[str, Query(max_length=2_000)] = "",
) -> PlainTextResponse:
    """SMSAPI's callback, at the URL that each message to it names. It has to be a GET, and to be answered with OK."""
    found = callbacks.read_smsapi(ids, status, idx, donedate, datetime.now(UTC))
    await handlers.take_smsapi(reports, account_id, proof, found)
    return PlainTextResponse("OK")


async def _beginning(request: Request, most: int, wanted: int) -> bytes:
    """The first `wanted` bytes of the body; the others are let go. Raises ReportTooLarge for more than `most`."""
    read, size = b"", 0
    async for part in request.stream():
        size += len(part)
        read += part[: wanted - len(read)]
        if size > most:
            raise ReportTooLarge(f"It may have {most} bytes.", most_bytes=most)
    return read
