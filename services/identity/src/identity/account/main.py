"""Wires what people change about how they sign in."""

from collections.abc import Sequence

from fastapi import APIRouter

from common.jobs import Job
from common.mongo import Mongo
from identity.account import api
from identity.account.handlers import Account
from identity.handlers import Identity
from identity.proofs import main as proofs_main
from identity.recovery import main as recovery_main
from identity.sessions.handlers import Sessions

__all__ = ["INDEXES", "Account", "jobs", "provides", "router", "wire"]

INDEXES = [*recovery_main.INDEXES, *proofs_main.INDEXES]
router = APIRouter()
for _one in (recovery_main.router, api.router):
    router.include_router(_one)


def wire(mongo: Mongo, identity: Identity, sessions: Sessions) -> Account:
    """Its use cases."""
    return Account(identity, sessions, recovery_main.wire(mongo, identity, sessions.proofs.throttle))


def jobs(account: Account) -> list[Job]:
    """What goes on beside requests."""
    return recovery_main.jobs(account.recovery)


def provides(account: Account) -> Sequence[object]:
    """What routes ask for."""
    return account, account.recovery
