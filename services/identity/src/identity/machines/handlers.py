"""Machines: making, listing, new secrets, deleting, and their tokens."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.auth import Caller
from common.errors import Conflict, NotFound
from common.ids import new_id
from common.relay import StateRelay
from common.telemetry import current_traceparent
from identity.domain import check_grant
from identity.keys.domain import Grant
from identity.keys.handlers import Keys, issue
from identity.machines.domain import InvalidClient, Machine, check_for_machines, hash_of, new_secret
from identity.machines.storage import MachineStore


@dataclass
class Machines:
    """What the use cases work with. `relay` announces whose tokens are refused."""

    store: MachineStore
    keys: Keys
    relay: StateRelay


async def create(machines: Machines, caller: Caller, name: str, permissions: Set[str]) -> tuple[Machine, str]:
    """A new machine and its secret, which is shown this once. Raises CannotGrant."""
    wanted = frozenset(permissions)
    check_for_machines(wanted)
    check_grant(caller.permissions, wanted)
    secret = new_secret()
    machine = Machine(new_id("mch"), caller.partner_id, name, wanted, hash_of(secret), datetime.now(UTC))
    await machines.store.add(machine)
    return machine, secret


async def renew_secret(machines: Machines, caller: Caller, machine_id: str, overlap: timedelta) -> tuple[Machine, str]:
    """A new secret. The old one is good for `overlap` more; without any, its tokens are refused, too.

    Whoever gets a secret can act as the machine, so he must have what it may do. Raises NotFound, CannotGrant,
    Conflict.
    """
    machine = await machines.store.get(caller.partner_id, machine_id)
    if machine is None:
        raise NotFound("There is no such machine.")
    check_grant(caller.permissions, machine.permissions)
    secret = new_secret()
    change = {"secret_hash": hash_of(secret), "previous_hash": None, "previous_until": None}
    if overlap:
        change |= {"previous_hash": machine.secret_hash, "previous_until": datetime.now(UTC) + overlap}
        changed = await machines.store.change_secret(machine, change)
    else:
        changed = await machines.store.replace_secret(machine, change, current_traceparent())
        machines.relay.wake()
    if changed is None:
        raise Conflict("Somebody else made a new secret at the same moment. Look whether you still need one.")
    return changed, secret


async def remove(machines: Machines, caller: Caller, machine_id: str) -> None:
    """Raises NotFound."""
    if not await machines.store.remove(caller.partner_id, machine_id, current_traceparent()):
        raise NotFound("There is no such machine.")
    machines.relay.wake()


async def token(machines: Machines, machine_id: str, secret: str, scope: str) -> tuple[str, frozenset[str]]:
    """An access token, and what it is good for. Raises InvalidClient, InvalidScope."""
    now = datetime.now(UTC)
    machine = await machines.store.named_of_all_partners(machine_id)
    if machine is None or not machine.knows(secret, now):
        raise InvalidClient("Check both and try again.")
    permissions = machine.scoped(scope)
    await machines.store.used(machine, now)
    grant = Grant(machine.id, machine.partner_id, permissions, machine.version, machine.id)
    return await issue(machines.keys, grant), permissions
