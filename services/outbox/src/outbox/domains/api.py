"""Domains over HTTP: keys that mails are signed with (DKIM)."""

from typing import Annotated

from fastapi import APIRouter

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotSignedIn, PermissionMissing
from common.http import errors, provided
from outbox.domains import handlers
from outbox.domains.domain import DomainUnknown, NoNewKey
from outbox.domains.handlers import Domains
from outbox.domains.schemas import DomainFields, DomainView

DomainsDep = Annotated[Domains, provided(Domains)]
Reader = Annotated[Caller, requires(Permission.OUTBOX_READ)]
Writer = Annotated[Caller, requires(Permission.ACCOUNTS_WRITE)]

router = APIRouter(tags=["domains"])
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.get("/domains", responses=ALWAYS)
async def list_domains(caller: Reader, domains: DomainsDep) -> list[DomainView]:
    """The domains that mails are signed for, and what has to stand in the DNS."""
    return [DomainView.of(one) for one in await domains.store.all(caller.partner_id)]


@router.post("/domains", status_code=201, responses=ALWAYS)
async def add_key(new: DomainFields, caller: Writer, domains: DomainsDep, recording: RecordingDep) -> DomainView:
    """A new key for a domain, also for one that has a key. It does not sign before it is told to."""
    recording.made(name=new.name)
    return DomainView.of(await handlers.propose_key(domains, caller.partner_id, new.name))


@router.post("/domains/{name}/sign", responses=ALWAYS | errors(DomainUnknown, NoNewKey))
async def sign(name: str, caller: Writer, domains: DomainsDep) -> DomainView:
    """Sign with the new key from now on: its record is in the DNS. Leave the old record there for a week."""
    return DomainView.of(await handlers.sign_with_new_key(domains, caller.partner_id, name))


@router.delete("/domains/{name}", status_code=204, responses=ALWAYS | errors(DomainUnknown))
async def remove(name: str, caller: Writer, domains: DomainsDep) -> None:
    """Sign no mails of this domain any more, and forget its keys."""
    await handlers.remove_domain(domains, caller.partner_id, name)
