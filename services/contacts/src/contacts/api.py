"""Contacts over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from common.auth import Caller, Permission, SignedIn, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.events import Language, Role
from common.http import (
    Cursor,
    IfMatch,
    Limit,
    Page,
    RequestKey,
    decode_cursor,
    encode_cursor,
    errors,
    etag,
    provided,
    version_of,
)
from contacts import handlers
from contacts.catalogue import ROLES
from contacts.domain import BadPhone, ChangedMeanwhile
from contacts.handlers import Contacts
from contacts.schemas import PersonFields, PersonView, RoleView

ContactsDep = Annotated[Contacts, provided(Contacts)]
Reader = Annotated[Caller, requires(Permission.CONTACTS_READ)]
Writer = Annotated[Caller, requires(Permission.CONTACTS_WRITE)]

router = APIRouter(tags=["contacts"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post("/persons", status_code=201, responses=ALWAYS | errors(BadPhone))
async def add_person(
    new: PersonFields, caller: Writer, contacts: ContactsDep, response: Response, idempotency_key: RequestKey = None
) -> PersonView:
    """Add a contact person (A1). Repeating the same `Idempotency-Key` returns the first answer."""
    person = await handlers.add_person(contacts, caller.partner_id, new.to_domain(), idempotency_key)
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.get("/persons", responses=ALWAYS)
async def list_persons(
    caller: Reader, contacts: ContactsDep, role: Role | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[PersonView]:
    """The partner's contact persons; with `role`, its holders."""
    [after] = decode_cursor(cursor, 1) if cursor else [""]
    found = await contacts.store.persons_of(caller.partner_id, role, str(after), limit + 1)
    following = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[PersonView.of(person) for person in found[:limit]], next=following)


@router.get("/persons/{person_id}", responses=ALWAYS | errors(NotFound))
async def get_person(person_id: str, caller: Reader, contacts: ContactsDep, response: Response) -> PersonView:
    """One contact person, with an ETag for safe changes."""
    person = await handlers.get_person(contacts, caller.partner_id, person_id)
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.put("/persons/{person_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile, BadPhone))
async def replace_person(
    person_id: str, new: PersonFields, caller: Writer, contacts: ContactsDep, response: Response,
    if_match: IfMatch = None,
) -> PersonView:  # fmt: skip
    """Change a contact person (A1). With `If-Match`, only the version that you read."""
    person = new.to_domain(person_id)
    person = await handlers.replace_person(contacts, caller.partner_id, person, version_of(if_match))
    response.headers["ETag"] = etag(person.version)
    return PersonView.of(person)


@router.delete("/persons/{person_id}", status_code=204, responses=ALWAYS | errors(NotFound, ChangedMeanwhile))
async def remove_person(person_id: str, caller: Writer, contacts: ContactsDep, if_match: IfMatch = None) -> None:
    """Delete a contact person (A1)."""
    await handlers.remove_person(contacts, caller.partner_id, person_id, version_of(if_match))


@router.get("/roles", responses=errors(NotSignedIn))
async def list_roles(caller: SignedIn, language: Annotated[Language, Query()] = "en") -> list[RoleView]:
    """The nine roles with their names and descriptions (A2)."""
    return [
        RoleView(id=role, name=texts[language].name, description=texts[language].description)
        for role, texts in ROLES.items()
    ]
