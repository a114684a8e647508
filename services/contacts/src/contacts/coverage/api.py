"""Coverage over HTTP."""

from typing import Annotated

from fastapi import APIRouter

from common.auth import Caller, Permission, requires
from common.errors import NotSignedIn, PermissionMissing
from common.http import errors, provided
from contacts.coverage import handlers
from contacts.coverage.schemas import CoverageView, Overview
from contacts.coverage.storage import Setup

SetupDep = Annotated[Setup, provided(Setup)]
Reader = Annotated[Caller, requires(Permission.CONTACTS_READ)]

router = APIRouter(tags=["coverage"])
ALWAYS = errors(NotSignedIn, PermissionMissing)


@router.get("/coverage", responses=ALWAYS)
async def coverage(caller: Reader, setup: SetupDep) -> CoverageView:
    """Which roles and address types are still missing, and whether the setup is complete (A4)."""
    return CoverageView.of(await handlers.look(setup, caller.partner_id))


@router.get("/overview", responses=ALWAYS)
async def overview(caller: Reader, setup: SetupDep) -> Overview:
    """How many persons and addresses there are, and what is still missing (A4)."""
    persons, addresses = await setup.counts(caller.partner_id)
    found = await handlers.look(setup, caller.partner_id)
    return Overview(persons=persons, addresses=addresses, coverage=CoverageView.of(found))
