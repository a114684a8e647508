"""Machines: making, listing, new secrets and keys, deleting, and their tokens."""

from collections.abc import AsyncGenerator, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.auth import Caller
from common.errors import Conflict, NotFound
from common.ids import new_id
from common.logs import logger
from common.relay import StateRelay
from common.telemetry import current_traceparent
from identity.domain import check_grant
from identity.handlers import what_he_gives
from identity.keys.domain import Grant
from identity.keys.handlers import Keys, issue
from identity.machines.clients import claimed, verified
from identity.machines.domain import (
    Demands,
    InvalidClient,
    KeyRefused,
    Machine,
    OtherProof,
    Proof,
    PublicKey,
    check_for_machines,
    hash_of,
    new_secret,
)
from identity.machines.storage import AssertionStore, MachineStore
from identity.storage import Store
from identity.throttling.domain import Place, place_of
from identity.throttling.handlers import Throttle, check, miss, of_machine

log = logger(__name__)


@dataclass
class Machines:
    """What the use cases work with. `relay` announces whose tokens are refused; `most_keys` a machine may have."""

    store: MachineStore
    users: Store
    assertions: AssertionStore
    throttle: Throttle
    keys: Keys
    relay: StateRelay
    demands: Demands
    most_keys: int


async def create(machines: Machines, caller: Caller, name: str, permissions: Set[str]) -> tuple[Machine, str]:
    """A new machine and its secret, which is shown this once. Raises CannotGrant."""
    secret = new_secret()
    return await _create(machines, caller, name, permissions, Proof(hash_of(secret))), secret


async def create_with_keys(
    machines: Machines, caller: Caller, name: str, permissions: Set[str], keys: tuple[PublicKey, ...]
) -> Machine:
    """A new machine that signs with keys of its own. Raises CannotGrant, KeyRefused."""
    _check_count(machines, keys)
    return await _create(machines, caller, name, permissions, Proof(keys=keys))


async def _create(machines: Machines, caller: Caller, name: str, permissions: Set[str], proof: Proof) -> Machine:
    wanted = frozenset(permissions)
    check_for_machines(wanted)
    check_grant(await what_he_gives(machines.users, caller), wanted)
    machine = Machine(new_id("mch"), caller.partner_id, name, wanted, proof, datetime.now(UTC))
    await machines.store.add(machine)
    return machine


async def renew_secret(machines: Machines, caller: Caller, machine_id: str, overlap: timedelta) -> tuple[Machine, str]:
    """A new secret. The old one is good for `overlap` more; without any, its tokens are refused, too.

    Raises NotFound, CannotGrant, OtherProof, Conflict.
    """
    machine = await _given(machines, caller, machine_id)
    if machine.proof.keys:
        raise OtherProof("Give it other keys instead, or make another machine.")
    secret = new_secret()
    return await _replace(machines, machine, Proof(hash_of(secret)), overlap), secret


async def replace_keys(
    machines: Machines, caller: Caller, machine_id: str, keys: tuple[PublicKey, ...], overlap: timedelta
) -> Machine:
    """Other keys. The ones before are good for `overlap` more; without any, its tokens are refused, too.

    Raises NotFound, CannotGrant, KeyRefused, OtherProof, Conflict.
    """
    machine = await _given(machines, caller, machine_id)
    if not machine.proof.keys:
        raise OtherProof("Give it another secret instead, or make another machine.")
    _check_count(machines, keys)
    for number, key in enumerate(keys, 1):
        if machine.key(key.kid, datetime.now(UTC)) not in (key, None):
            raise KeyRefused("Another key of the machine has this `kid`; a new key has a new one.", number=number)
    return await _replace(machines, machine, Proof(keys=keys), overlap)


async def _given(machines: Machines, caller: Caller, machine_id: str) -> Machine:
    """A machine that the caller may give a way to sign in: he can act as the machine then, so he must have what it may
    do. Raises NotFound, CannotGrant."""
    machine = await machines.store.get(caller.partner_id, machine_id)
    if machine is None:
        raise NotFound("There is no such machine.")
    check_grant(await what_he_gives(machines.users, caller), machine.permissions)
    return machine


async def _replace(machines: Machines, machine: Machine, proof: Proof, overlap: timedelta) -> Machine:
    if overlap:
        changed = await machines.store.change_over(machine, proof, datetime.now(UTC) + overlap)
    else:
        changed = await machines.store.replace(machine, proof, current_traceparent())
        machines.relay.wake()
    if changed is None:
        raise Conflict("Somebody else changed how it signs in at the same moment. Look whether you still need to.")
    return changed


def _check_count(machines: Machines, keys: tuple[PublicKey, ...]) -> None:
    if len(keys) > machines.most_keys:
        raise KeyRefused(f"A machine has at most {machines.most_keys} keys.")


async def remove(machines: Machines, caller: Caller, machine_id: str) -> None:
    """Raises NotFound."""
    if not await machines.store.remove(caller.partner_id, machine_id, current_traceparent()):
        raise NotFound("There is no such machine.")
    machines.relay.wake()


async def token(
    machines: Machines, machine_id: str, secret: str, scope: str, address: str
) -> tuple[str, frozenset[str]]:
    """An access token, and what it is good for. Raises InvalidClient, InvalidScope, TooManyAttempts."""
    now = datetime.now(UTC)
    machine = await machines.store.named_of_all_partners(machine_id)
    place = _place(machine, address)
    async with _trying(machines, machine_id, place):
        if machine is None or not machine.knows(secret, now):
            raise InvalidClient
    return await _token(machines, machine, scope, place, now)


async def token_by_assertion(
    machines: Machines, text: str, client_id: str, scope: str, address: str
) -> tuple[str, frozenset[str]]:
    """The same for what a machine signed (RFC 7523), this once; `client_id`, if it is said, is of the same machine.

    Raises InvalidClient, InvalidScope, TooManyAttempts.
    """
    now, said = datetime.now(UTC), claimed(text)
    machine = await machines.store.named_of_all_partners(said.machine_id)
    place = _place(machine, address)
    async with _trying(machines, said.machine_id, place):
        key = machine.key(said.kid, now) if machine else None
        if machine is None or key is None or client_id not in ("", machine.id):
            raise InvalidClient
        assertion = verified(text, key)
        if not assertion.is_good(machine.id, machines.demands, now):
            raise InvalidClient
        if not await machines.assertions.use(machine, assertion, machines.demands.leeway):
            raise InvalidClient
    return await _token(machines, machine, scope, place, now)


def _place(machine: Machine | None, address: str) -> Place:
    """Where a request of a machine (or of nobody) came from."""
    place = place_of(address)
    return Place(place, machine is not None and machine.place == place)


@asynccontextmanager
async def _trying(machines: Machines, machine_id: str, place: Place) -> AsyncGenerator[None]:
    """What is wrong in it uses a try of whoever says from there that he is this machine. Raises TooManyAttempts."""
    budgets = of_machine(machines.throttle, machine_id, place)
    await check(machines.throttle, budgets)
    try:
        yield
    except InvalidClient:
        await miss(machines.throttle, budgets)
        raise


async def _token(
    machines: Machines, machine: Machine, scope: str, place: Place, now: datetime
) -> tuple[str, frozenset[str]]:
    permissions = machine.scoped(scope)
    await machines.store.used(machine, place.id, now)
    log.info("machine_signed_in", machine=machine.id, partner_id=machine.partner_id)
    grant = Grant(machine.id, machine.partner_id, permissions, machine.version, machine.id)
    return await issue(machines.keys, grant), permissions


async def forget(machines: Machines) -> None:
    """Forget the used assertions that have expired."""
    await machines.assertions.forget(datetime.now(UTC))
