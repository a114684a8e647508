"""Identity over HTTP: translate, call one handler, translate back."""

from typing import Annotated

from fastapi import APIRouter

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, SignedIn, requires
from common.errors import ActingForAnother, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import Cursor, Limit, Page, RequestKey, errors, id_position, page_by_id, provided
from identity import handlers
from identity.domain import CannotGrant, EmailTaken, OwnerFixed
from identity.handlers import Identity
from identity.schemas import (
    NewPartner,
    NewUser,
    PartnerChange,
    PartnerView,
    Registry,
    UserChange,
    UserView,
    revealed,
)
from identity.throttling.domain import TooManyAttempts

IdentityDep = Annotated[Identity, provided(Identity)]
Staff = Annotated[Caller, requires(Permission.PARTNERS_WRITE)]
UsersReader = Annotated[Caller, requires(Permission.USERS_READ)]
UsersWriter = Annotated[Caller, requires(Permission.USERS_WRITE)]

router = APIRouter()
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


@router.post("/partners", status_code=201, tags=["partners"], responses=ALWAYS | errors(EmailTaken))
async def create_partner(
    new: NewPartner, caller: Staff, identity: IdentityDep, recording: RecordingDep, idempotency_key: RequestKey = None
) -> PartnerView:
    """Staff: a new partner with its owner, who is invited by mail if he is given no password. Repeating the same
    `Idempotency-Key` returns the first answer."""
    partner, owner = new.to_domain()
    request = f"{caller.user_id}/{idempotency_key}" if idempotency_key else None
    password = revealed(new.owner.password)
    await recording.about(partner_id=[partner.id], user_id=[owner.id])
    return PartnerView.of(await handlers.create_partner(identity, partner, owner, password, request))


@router.get("/partners", tags=["partners"], responses=ALWAYS)
async def list_partners(
    caller: Staff, identity: IdentityDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[PartnerView]:
    """Staff: every partner, by id."""
    found = await identity.store.partners_of_all(id_position(cursor), limit + 1)
    return page_by_id(found, limit, PartnerView.of)


@router.get("/partner", tags=["partners"], responses=errors(NotSignedIn, NotFound))
async def own_partner(caller: SignedIn, identity: IdentityDep) -> PartnerView:
    """The caller's own partner."""
    return PartnerView.of(await handlers.own_partner(identity, caller.partner_id))


@router.patch("/partner", tags=["partners"], responses=ALWAYS | errors(NotFound))
async def change_partner(change: PartnerChange, caller: UsersWriter, identity: IdentityDep) -> PartnerView:
    """Change the caller's own partner; every service hears of it."""
    wanted = {name: value for name, value in change.model_dump(exclude_unset=True).items() if value is not None}
    return PartnerView.of(await handlers.change_partner(identity, caller.partner_id, wanted))


@router.get("/me", tags=["users"], responses=errors(NotSignedIn, ActingForAnother, NotFound))
async def me(caller: SignedIn, identity: IdentityDep) -> UserView:
    """The caller himself. Whoever acts for somebody else asks `GET /entry`."""
    return UserView.of(await handlers.known_user(identity, caller.partner_id, caller.user_id))


@router.get("/permissions", tags=["users"], responses=errors(NotSignedIn))
async def list_permissions(_: SignedIn) -> Registry:
    """Every permission in words, and the roles that bundle them (D7)."""
    return Registry.complete()


@router.post(
    "/users", status_code=201, tags=["users"], responses=ALWAYS | errors(EmailTaken, CannotGrant, TooManyAttempts)
)
async def create_user(new: NewUser, caller: UsersWriter, identity: IdentityDep, recording: RecordingDep) -> UserView:
    """A further user of the caller's partner, who is invited by mail if he is given no password. Nobody gives a
    permission that he does not have."""
    user = new.to_domain(caller.partner_id)
    await recording.about(user_id=[user.id], permissions=sorted(user.permissions), roles=sorted(user.roles))
    return UserView.of(await handlers.create_user(identity, caller, user, revealed(new.password)))


@router.get("/users", tags=["users"], responses=ALWAYS)
async def list_users(
    caller: UsersReader, identity: IdentityDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserView]:
    """The users of the caller's partner, by id."""
    found = await identity.store.users_of(caller.partner_id, id_position(cursor), limit + 1)
    return page_by_id(found, limit, UserView.of)


@router.patch("/users/{user_id}", tags=["users"], responses=ALWAYS | errors(NotFound, OwnerFixed, CannotGrant))
async def change_user(
    user_id: str, change: UserChange, caller: UsersWriter, identity: IdentityDep, recording: RecordingDep
) -> UserView:
    """Change name, permissions or roles of a user. It works everywhere within five seconds."""
    wanted = change.model_dump(exclude_unset=True, exclude_none=True)
    for gives in {"permissions", "roles"} & wanted.keys():
        wanted[gives] = sorted(set(map(str, wanted[gives])))
    given = {name: wanted[name] for name in ("permissions", "roles") if name in wanted}
    await recording.about(changed=sorted(wanted), **given)
    return UserView.of(await handlers.change_user(identity, caller, user_id, wanted))


@router.delete(
    "/users/{user_id}", status_code=204, tags=["users"], responses=ALWAYS | errors(NotFound, OwnerFixed, CannotGrant)
)
async def remove_user(user_id: str, caller: UsersWriter, identity: IdentityDep) -> None:
    """Remove a user of the caller's partner, who may do nothing that the caller may not."""
    await handlers.remove_user(identity, caller, user_id)
