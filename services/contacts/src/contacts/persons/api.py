"""Contact persons over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from fastapi.responses import StreamingResponse

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, SignedIn, requires
from common.errors import ChangedMeanwhile, Invalid, NotFound, NotSignedIn, PermissionMissing, Problem
from common.events import Language, Role
from common.http import (
    Cursor,
    IfMatch,
    Limit,
    Page,
    RequestKey,
    a_file,
    download,
    errors,
    etag,
    id_position,
    page_by_id,
    provided,
    version_of,
)
from common.jobs import taking_turns
from contacts.catalogue import ROLES
from contacts.coverage import handlers as coverage
from contacts.coverage.schemas import CoverageView, Removed
from contacts.coverage.storage import Setup
from contacts.history import ChangeView
from contacts.patch import MEDIA_TYPE, merged
from contacts.persons import handlers, sheets
from contacts.persons.domain import BadPhone, TooManyPersons
from contacts.persons.handlers import PersonDesk
from contacts.persons.schemas import ImportResult, PersonFields, PersonPatch, PersonView, RejectedRow, RoleView
from contacts.persons.sheets import BadSheet
from contacts.settings import Settings

DeskDep = Annotated[PersonDesk, provided(PersonDesk)]
SetupDep = Annotated[Setup, provided(Setup)]
SettingsDep = Annotated[Settings, provided(Settings)]
Reader = Annotated[Caller, requires(Permission.CONTACTS_READ)]
Writer = Annotated[Caller, requires(Permission.CONTACTS_WRITE)]
Typed = Annotated[str, Query(max_length=200, description="Words that begin a name, an e-mail or a phone number.")]

router = APIRouter(tags=["persons"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


class FileTooLarge(Problem):
    """More bytes than the operator allows."""

    status, code, title = 413, "file-too-large", "The file is too large"


@router.post("/persons", status_code=201, responses=ALWAYS | errors(BadPhone, TooManyPersons))
async def add_person(
    new: PersonFields, caller: Writer, desk: DeskDep, recording: RecordingDep, response: Response,
    idempotency_key: RequestKey = None,
) -> PersonView:  # fmt: skip
    """Add a contact person (A1). Repeating the same `Idempotency-Key` returns the first answer."""
    person, _ = await handlers.add_person(desk, caller, new.to_domain(), idempotency_key)
    recording.made(person_id=person.id)
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.get("/persons", responses=ALWAYS)
async def list_persons(
    caller: Reader, desk: DeskDep, role: Role | None = None, q: Typed = "", total: bool = False, limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PersonView]:  # fmt: skip
    """The partner's contact persons; with `role`, its holders; with `q`, whom it finds ("lodz" finds "Łódź")."""
    found = await desk.persons.page(caller.partner_id, role, q, id_position(cursor), limit + 1)
    count = await desk.persons.count(caller.partner_id, role, q) if total else None
    return page_by_id(found, limit, PersonView.of, count)


@router.get("/persons.csv", responses=ALWAYS | a_file("text/csv"), response_class=StreamingResponse)
async def export_persons(caller: Reader, desk: DeskDep, role: Role | None = None, q: Typed = "") -> StreamingResponse:
    """The same list as a CSV file, which `POST /persons/import` takes back."""
    pages = handlers.all_persons(desk, caller.partner_id, role, q)
    return download(sheets.write(pages), "text/csv", "persons.csv")


@router.post("/persons/import", responses=ALWAYS | errors(BadSheet, FileTooLarge, TooManyPersons))
async def import_persons(
    content: Annotated[bytes, Body(media_type="text/csv")], caller: Writer, desk: DeskDep, settings: SettingsDep,
    dry_run: bool = False,
) -> ImportResult:  # fmt: skip
    """Add the persons of a CSV file (first_name, last_name, email, phone, roles). Rejected rows say why."""
    if len(content) > settings.import_max_bytes:
        raise FileTooLarge(f"Send at most {settings.import_max_bytes} bytes at once.")
    rows = await taking_turns(sheets.read(content, settings.import_max_rows))
    done = await handlers.import_persons(desk, caller, rows, dry_run=dry_run)
    rejected = [RejectedRow(line=line, reasons=reasons) for line, reasons in done.rejected]
    return ImportResult(dry_run=dry_run, added=done.added, already_there=done.already_there, rejected=rejected)


@router.get("/persons/{person_id}", responses=ALWAYS | errors(NotFound))
async def get_person(person_id: str, caller: Reader, desk: DeskDep, response: Response) -> PersonView:
    """One contact person, with an ETag for safe changes."""
    person = await desk.persons.person(caller.partner_id, person_id)
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.put("/persons/{person_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile, BadPhone))
async def replace_person(
    person_id: str, new: PersonFields, caller: Writer, desk: DeskDep, response: Response, if_match: IfMatch = None
) -> PersonView:
    """Change a contact person (A1). With `If-Match`, only the version that you read."""
    person = await handlers.change_person(desk, caller, person_id, version_of(if_match), lambda _: new.to_domain())
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.patch("/persons/{person_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile, BadPhone))
async def patch_person(
    person_id: str, patch: Annotated[PersonPatch, Body(media_type=MEDIA_TYPE)], caller: Writer, desk: DeskDep,
    response: Response, if_match: IfMatch = None,
) -> PersonView:  # fmt: skip
    """Change some fields of a contact person (A1)."""
    person = await handlers.change_person(
        desk, caller, person_id, version_of(if_match),
        lambda before: merged(PersonFields, PersonFields.of(before), patch).to_domain(),
    )  # fmt: skip
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.delete("/persons/{person_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile))
async def remove_person(
    person_id: str, caller: Writer, desk: DeskDep, setup: SetupDep, if_match: IfMatch = None
) -> Removed:
    """Delete a contact person (A1), the last holder of a role too; the answer says what is missing now (A4)."""
    await handlers.remove_person(desk, caller, person_id, version_of(if_match))
    return Removed(coverage=CoverageView.of(await coverage.look(setup, caller.partner_id)))


@router.post("/persons/{person_id}/confirm-email", responses=ALWAYS | errors(NotFound))
async def confirm_email(person_id: str, caller: Writer, desk: DeskDep, response: Response) -> PersonView:
    """The address is good, though a mail server refused it (A8)."""
    person = await handlers.confirm_email(desk, caller, person_id)
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.get("/persons/{person_id}/history", responses=ALWAYS | errors(NotFound))
async def person_history(person_id: str, caller: Writer, desk: DeskDep) -> list[ChangeView]:
    """Who changed what, when, the newest first; for administrators. Of a deleted person only that remains."""
    return [ChangeView.of(one) for one in await desk.persons.history(caller.partner_id, person_id)]


@router.get("/roles", responses=errors(NotSignedIn, Invalid))
async def list_roles(caller: SignedIn, language: Annotated[Language, Query()] = "en") -> list[RoleView]:
    """The nine roles with their names and descriptions (A2)."""
    return [
        RoleView(id=role, name=texts[language].name, description=texts[language].description)
        for role, texts in ROLES.items()
    ]
