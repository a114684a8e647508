"""Addresses over HTTP: translate, call the one query, translate back."""

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, SignedIn, requires
from common.errors import ChangedMeanwhile, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.events import Language
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
from contacts.addresses.domain import TypeTaken
from contacts.addresses.schemas import AddressFields, AddressPatch, AddressTypeView, AddressView
from contacts.addresses.storage import Addresses
from contacts.catalogue import ADDRESS_TYPES, REPEATABLE, AddressType
from contacts.coverage import handlers as coverage
from contacts.coverage.schemas import CoverageView, Removed
from contacts.coverage.storage import Setup
from contacts.history import ChangeView
from contacts.patch import MEDIA_TYPE, merged

AddressesDep = Annotated[Addresses, provided(Addresses)]
SetupDep = Annotated[Setup, provided(Setup)]
Reader = Annotated[Caller, requires(Permission.CONTACTS_READ)]
Writer = Annotated[Caller, requires(Permission.CONTACTS_WRITE)]

router = APIRouter(tags=["addresses"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post("/addresses", status_code=201, responses=ALWAYS | errors(TypeTaken))
async def add_address(
    new: AddressFields, caller: Writer, addresses: AddressesDep, recording: RecordingDep, response: Response,
    idempotency_key: RequestKey = None,
) -> AddressView:  # fmt: skip
    """Add a company address (A3). Repeating the same `Idempotency-Key` returns the first answer."""
    address = await addresses.add(caller.partner_id, new.to_domain(), caller.author, idempotency_key)
    recording.made(address_id=address.id)
    response.headers["ETag"] = etag(address.version)
    return AddressView.of(address)


@router.get("/addresses", responses=ALWAYS)
async def list_addresses(
    caller: Reader,
    addresses: AddressesDep,
    type: Annotated[AddressType | None, Query()] = None,  # noqa: A002  the name in the URL
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AddressView]:
    """The partner's addresses; with `type`, those that have it."""
    found = await addresses.page(caller.partner_id, type, id_position(cursor), limit + 1)
    return page_by_id(found, limit, AddressView.of)


@router.get("/addresses/{address_id}", responses=ALWAYS | errors(NotFound))
async def get_address(address_id: str, caller: Reader, addresses: AddressesDep, response: Response) -> AddressView:
    """One address, with an ETag for safe changes."""
    address = await addresses.address(caller.partner_id, address_id)
    response.headers["ETag"] = etag(address.version)
    return AddressView.of(address)


@router.put("/addresses/{address_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile, TypeTaken))
async def replace_address(
    address_id: str, new: AddressFields, caller: Writer, addresses: AddressesDep, response: Response,
    if_match: IfMatch = None,
) -> AddressView:  # fmt: skip
    """Change an address (A3). With `If-Match`, only the version that you read."""
    address = await addresses.change(
        caller.partner_id, address_id, caller.author, version_of(if_match), lambda _: new.to_domain(address_id)
    )
    response.headers["ETag"] = etag(address.version)
    return AddressView.of(address)


@router.patch("/addresses/{address_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile, TypeTaken))
async def patch_address(
    address_id: str, patch: Annotated[AddressPatch, Body(media_type=MEDIA_TYPE)], caller: Writer,
    addresses: AddressesDep, response: Response, if_match: IfMatch = None,
) -> AddressView:  # fmt: skip
    """Change some fields of an address (A3)."""
    address = await addresses.change(
        caller.partner_id, address_id, caller.author, version_of(if_match),
        lambda before: merged(AddressFields, AddressFields.of(before), patch).to_domain(address_id),
    )  # fmt: skip
    response.headers["ETag"] = etag(address.version)
    return AddressView.of(address)


@router.delete("/addresses/{address_id}", responses=ALWAYS | errors(NotFound, ChangedMeanwhile))
async def remove_address(
    address_id: str, caller: Writer, addresses: AddressesDep, setup: SetupDep, if_match: IfMatch = None
) -> Removed:
    """Delete an address (A3); the answer says what is missing now (A4)."""
    await addresses.remove(caller.partner_id, address_id, caller.author, version_of(if_match))
    return Removed(coverage=CoverageView.of(await coverage.look(setup, caller.partner_id)))


@router.get("/addresses/{address_id}/history", responses=ALWAYS | errors(NotFound))
async def address_history(address_id: str, caller: Writer, addresses: AddressesDep) -> list[ChangeView]:
    """Who changed what, when, the newest first; for administrators."""
    return [ChangeView.of(one) for one in await addresses.history(caller.partner_id, address_id)]


@router.get("/address-types", responses=errors(NotSignedIn, Invalid))
async def list_address_types(caller: SignedIn, language: Annotated[Language, Query()] = "en") -> list[AddressTypeView]:
    """The address types with their names and descriptions (A3)."""
    return [
        AddressTypeView(
            id=one, name=texts[language].name, description=texts[language].description, repeatable=one in REPEATABLE
        )
        for one, texts in ADDRESS_TYPES.items()
    ]
