"""Machines over HTTP."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, requires
from common.errors import Conflict, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, errors, id_position, page_by_id, provided
from identity.domain import CannotGrant
from identity.machines import handlers
from identity.machines.clients import read_keys
from identity.machines.domain import KeyRefused, OtherProof, PrivateKeySent
from identity.machines.handlers import Machines
from identity.machines.schemas import MachineSecret, MachineView, NewKeys, NewMachine, NewSecret

MachinesDep = Annotated[Machines, provided(Machines)]
Reader = Annotated[Caller, requires(Permission.MACHINES_READ)]
Writer = Annotated[Caller, requires(Permission.MACHINES_WRITE)]

router = APIRouter(prefix="/machines", tags=["machines"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)
KEYS = errors(KeyRefused, PrivateKeySent)


@router.post("", status_code=201, responses=ALWAYS | KEYS | errors(CannotGrant))
async def create_machine(
    new: NewMachine, caller: Writer, machines: MachinesDep, recording: RecordingDep
) -> MachineSecret:
    """A machine of the caller's partner, with permissions that the caller has. It gets a secret, which is shown this
    once, or brings public keys (`jwks`)."""
    permissions = set(map(str, new.permissions))
    if new.jwks is None:
        await recording.about(permissions=sorted(permissions))
        machine, secret = await handlers.create(machines, caller, new.name, permissions)
        recording.made(machine_id=machine.id)
        return MachineSecret(client_id=machine.id, client_secret=secret)
    keys = read_keys(new.jwks.members())
    await recording.about(permissions=sorted(permissions), keys=[key.kid for key in keys])
    machine = await handlers.create_with_keys(machines, caller, new.name, permissions, keys)
    recording.made(machine_id=machine.id)
    return MachineSecret(client_id=machine.id, client_secret=None)


@router.get("", responses=ALWAYS)
async def list_machines(
    caller: Reader, machines: MachinesDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[MachineView]:
    """The machines of the caller's partner, by id."""
    found = await machines.store.of_partner(caller.partner_id, id_position(cursor), limit + 1)
    return page_by_id(found, limit, MachineView.of)


@router.post("/{machine_id}/secret", responses=ALWAYS | errors(NotFound, CannotGrant, OtherProof, Conflict))
async def renew_secret(machine_id: str, new: NewSecret, caller: Writer, machines: MachinesDep) -> MachineSecret:
    """A new secret, shown this once. The old one goes on for `overlap_seconds`, so that no request need fail."""
    overlap = timedelta(seconds=new.overlap_seconds)
    machine, secret = await handlers.renew_secret(machines, caller, machine_id, overlap)
    return MachineSecret(client_id=machine.id, client_secret=secret)


@router.put("/{machine_id}/keys", responses=ALWAYS | KEYS | errors(NotFound, CannotGrant, OtherProof, Conflict))
async def replace_keys(
    machine_id: str, new: NewKeys, caller: Writer, machines: MachinesDep, recording: RecordingDep
) -> MachineView:
    """Other public keys. The old ones go on for `overlap_seconds`, so that no request need fail."""
    keys, overlap = read_keys(new.jwks.members()), timedelta(seconds=new.overlap_seconds)
    await recording.about(keys=[key.kid for key in keys])
    return MachineView.of(await handlers.replace_keys(machines, caller, machine_id, keys, overlap))


@router.delete("/{machine_id}", status_code=204, responses=ALWAYS | errors(NotFound))
async def remove_machine(machine_id: str, caller: Writer, machines: MachinesDep) -> None:
    """Its tokens are refused everywhere within five seconds."""
    await handlers.remove(machines, caller, machine_id)
