"""Switches, marks and access over HTTP."""

from typing import Annotated

from fastapi import APIRouter

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, errors, id_position, page_by_id, provided
from identity.connections import handlers
from identity.connections.domain import MastersNotAllowed
from identity.connections.handlers import Connections
from identity.connections.schemas import ConnectionView, NewAccess, PartnerAccessView, Switch
from identity.domain import CannotGrant
from identity.schemas import PartnerView, UserView

ConnectionsDep = Annotated[Connections, provided(Connections)]
Staff = Annotated[Caller, requires(Permission.PARTNERS_WRITE)]
UsersWriter = Annotated[Caller, requires(Permission.USERS_WRITE)]
Reader = Annotated[Caller, requires(Permission.ENTRIES_READ)]
Writer = Annotated[Caller, requires(Permission.ENTRIES_WRITE)]

router = APIRouter(tags=["entry into client accounts"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.put("/partners/{partner_id}/masters", responses=ALWAYS | errors(NotFound))
async def allow_masters(
    partner_id: str, switch: Switch, _: Staff, connections: ConnectionsDep, recording: RecordingDep
) -> PartnerView:
    """Staff: let a partner have master users, or no more, which ends their entries at once (E1)."""
    await recording.about(on=[str(switch.on).lower()])
    await recording.also_in(partner_id)
    return PartnerView.of(await handlers.allow_masters(connections, partner_id, allowed=switch.on))


@router.put("/partners/{partner_id}/clients/{client_id}", responses=ALWAYS | errors(NotFound))
async def connect(
    partner_id: str, client_id: str, switch: Switch, _: Staff, connections: ConnectionsDep, recording: RecordingDep
) -> ConnectionView:
    """Staff: connect a partner with a client, or no more, which ends running entries at once (E1)."""
    await recording.about(on=[str(switch.on).lower()])
    await recording.also_in(partner_id)
    await recording.also_in(client_id)
    return ConnectionView.of(await handlers.connect(connections, partner_id, client_id, is_on=switch.on))


@router.get("/partners/{partner_id}/clients", responses=ALWAYS)
async def list_clients(
    partner_id: str, _: Staff, connections: ConnectionsDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[ConnectionView]:
    """Staff: the clients that a partner was ever connected with, by id."""
    found = await connections.store.clients_of_all_partners(partner_id, id_position(cursor), limit + 1)
    return page_by_id(found, limit, ConnectionView.of)


@router.put("/users/{user_id}/master", responses=ALWAYS | errors(NotFound, MastersNotAllowed))
async def mark_master(
    user_id: str, switch: Switch, caller: UsersWriter, connections: ConnectionsDep, recording: RecordingDep
) -> UserView:
    """Mark a user of the caller's partner as partner master, or no more, which ends his entries at once (E2)."""
    await recording.about(on=[str(switch.on).lower()])
    return UserView.of(await handlers.mark_master(connections, caller, user_id, is_master=switch.on))


@router.get("/partner-access", responses=ALWAYS)
async def list_access(
    caller: Reader, connections: ConnectionsDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[PartnerAccessView]:
    """The partners that staff connected with the caller's account, and what access each has (E4)."""
    found = await connections.store.of_client(caller.partner_id, id_position(cursor), limit + 1)
    return page_by_id(found, limit, PartnerAccessView.of)


@router.put("/partner-access/{partner_id}", responses=ALWAYS | errors(NotFound, CannotGrant))
async def give_access(
    partner_id: str, new: NewAccess, caller: Writer, connections: ConnectionsDep, recording: RecordingDep
) -> PartnerAccessView:
    """Give a connected partner access, or change it (E4). Nobody gives what he does not have; entries that the new
    access does not cover end at once."""
    permissions = frozenset(map(str, new.permissions))
    await recording.about(permissions=sorted(permissions), until=[new.until.isoformat()])
    given = await handlers.give_access(
        connections, caller, partner_id, permissions, new.until, confirm_each=new.confirm_each
    )
    return PartnerAccessView.of(given)


@router.delete("/partner-access/{partner_id}", status_code=204, responses=ALWAYS | errors(NotFound))
async def take_access(partner_id: str, caller: Writer, connections: ConnectionsDep) -> None:
    """Take access away; running entries end at once, everywhere within five seconds (E6)."""
    await handlers.take_access(connections, caller, partner_id)
