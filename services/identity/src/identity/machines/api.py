"""Machines over HTTP."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Response

from common.auth import Caller, Permission, requires
from common.errors import Conflict, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, decode_cursor, encode_cursor, errors, provided
from identity.domain import CannotGrant
from identity.machines import handlers
from identity.machines.handlers import Machines
from identity.machines.schemas import MachineSecret, MachineView, NewMachine, NewSecret

MachinesDep = Annotated[Machines, provided(Machines)]
Reader = Annotated[Caller, requires(Permission.MACHINES_READ)]
Writer = Annotated[Caller, requires(Permission.MACHINES_WRITE)]

router = APIRouter(prefix="/machines", tags=["machines"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post("", status_code=201, responses=ALWAYS | errors(CannotGrant))
async def create_machine(new: NewMachine, caller: Writer, machines: MachinesDep, response: Response) -> MachineSecret:
    """A machine of the caller's partner, with permissions that the caller has. Its secret is shown this once."""
    machine, secret = await handlers.create(machines, caller, new.name, set(map(str, new.permissions)))
    response.headers["Cache-Control"] = "no-store"
    return MachineSecret(client_id=machine.id, client_secret=secret)


@router.get("", responses=ALWAYS)
async def list_machines(
    caller: Reader, machines: MachinesDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[MachineView]:
    """The machines of the caller's partner, by id."""
    [after] = decode_cursor(cursor, 1) if cursor else [""]
    found = await machines.store.of_partner(caller.partner_id, str(after), limit + 1)
    following = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[MachineView.of(machine) for machine in found[:limit]], next=following)


@router.post("/{machine_id}/secret", responses=ALWAYS | errors(NotFound, CannotGrant, Conflict))
async def renew_secret(
    machine_id: str, new: NewSecret, caller: Writer, machines: MachinesDep, response: Response
) -> MachineSecret:
    """A new secret, shown this once. The old one goes on for `overlap_seconds`, so that no request need fail."""
    overlap = timedelta(seconds=new.overlap_seconds)
    machine, secret = await handlers.renew_secret(machines, caller, machine_id, overlap)
    response.headers["Cache-Control"] = "no-store"
    return MachineSecret(client_id=machine.id, client_secret=secret)


@router.delete("/{machine_id}", status_code=204, responses=ALWAYS | errors(NotFound))
async def remove_machine(machine_id: str, caller: Writer, machines: MachinesDep) -> None:
    """Its tokens are refused everywhere within five seconds."""
    await handlers.remove(machines, caller, machine_id)
