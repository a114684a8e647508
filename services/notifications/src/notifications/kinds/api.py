"""Kinds over HTTP: staff write them, everybody signed in reads them (A6)."""

from typing import Annotated

from fastapi import APIRouter, Response

from common.auth import Caller, Permission, SignedIn, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import IfMatch, errors, etag, provided, version_of
from notifications.domain import UnknownKind
from notifications.kinds import handlers
from notifications.kinds.handlers import BadKind, KindChanged, Kinds
from notifications.kinds.schemas import KindDocument, KindFields, KindId, Preview, PreviewRequest, VersionView

KindsDep = Annotated[Kinds, provided(Kinds)]
Staff = Annotated[Caller, requires(Permission.KINDS_WRITE)]

router = APIRouter(tags=["kinds"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("/kinds", responses=ALWAYS)
async def list_kinds(_: SignedIn, kinds: KindsDep) -> list[KindDocument]:
    """Every kind as it is now, the retired ones too; by urgency (A6)."""
    found = await kinds.store.get((await kinds.store.versions()).keys())
    documents = [_document(handlers.fields_of(one), one["_id"], one["version"]) for one in found]
    return sorted(documents, key=lambda one: (one.retired, one.priority, one.id))


@router.get("/kinds/{kind}", responses=ALWAYS | errors(UnknownKind))
async def get_kind(kind: str, _: SignedIn, kinds: KindsDep, response: Response) -> KindDocument:
    """One kind, with an `ETag` (A6)."""
    fields, version = await handlers.document(kinds, kind)
    response.headers["ETag"] = etag(version)
    return _document(fields, kind, version)


@router.put(
    "/kinds/{kind}",
    responses=ALWAYS | errors(BadKind, UnknownKind, KindChanged) | {201: {"model": KindDocument, "description": "New"}},
)
async def define_kind(
    kind: KindId, fields: KindFields, caller: Staff, kinds: KindsDep, response: Response, if_match: IfMatch = None
) -> KindDocument:
    """Write a kind: a new one (201), or the next version of one. Its topic is read within seconds (A6)."""
    written, is_new = await handlers.define(kinds, kind, fields, version_of(if_match), caller.user_id)
    response.status_code = 201 if is_new else 200
    response.headers["ETag"] = etag(written.version)
    return _document(fields, kind, written.version)


@router.get("/kinds/{kind}/versions", responses=ALWAYS | errors(UnknownKind))
async def list_versions(kind: str, _: Staff, kinds: KindsDep) -> list[VersionView]:
    """The versions that are kept, the current one first (A6)."""
    found = await handlers.history(kinds, kind)
    return [VersionView(version=one["version"], at=one["at"], by=one["by"], current=one is found[0]) for one in found]


@router.get("/kinds/{kind}/versions/{version}", responses=ALWAYS | errors(UnknownKind, NotFound))
async def get_version(kind: str, version: int, _: Staff, kinds: KindsDep) -> KindDocument:
    """A kind as it was in one version; `PUT` it to go back (A6)."""
    fields, found = await handlers.document(kinds, kind, version)
    return _document(fields, kind, found)


@router.post("/kinds/preview", responses=ALWAYS | errors(BadKind))
async def preview_kind(request: PreviewRequest, _: Staff) -> Preview:
    """What a kind that is not saved would look like; nothing is kept or sent (A6)."""
    email, sms = handlers.preview(request.kind, request.language, request.data)
    return Preview(email=email, sms=sms)


def _document(fields: KindFields, kind_id: str, version: int) -> KindDocument:
    return KindDocument(id=kind_id, version=version, **fields.model_dump())
