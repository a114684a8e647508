"""How one signs in, over HTTP. Each change takes a proof in the same request."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Request as HttpRequest

from common.audit.requests import RecordingDep
from common.auth import SignedIn
from common.errors import ActingForAnother, Invalid, NotFound, NotSignedIn
from common.http import address_of, errors, provided
from identity.account import handlers
from identity.account.handlers import Account, Asker
from identity.account.schemas import (
    Confirmation,
    EmailChange,
    NewPasskey,
    PasskeyChange,
    PasskeyView,
    PasswordChange,
    Proven,
    RecoveryCodes,
    SecondFactorSecret,
    SecondFactorView,
)
from identity.domain import WrongCredentials
from identity.passkeys import handlers as passkey_handlers
from identity.passkeys.domain import PasskeyRefused
from identity.second_factors.domain import SecondFactorOff, SecondFactorOn, WrongCode
from identity.sessions.schemas import PasskeyOptions
from identity.throttling.domain import TooManyAttempts

AccountDep = Annotated[Account, provided(Account)]

router = APIRouter(prefix="/me", tags=["account"])
SEEN = errors(NotSignedIn, ActingForAnother, NotFound)
CHANGED = errors(NotSignedIn, WrongCredentials, ActingForAnother, NotFound, Invalid, TooManyAttempts)


@router.put("/password", status_code=204, responses=CHANGED)
async def change_password(change: PasswordChange, caller: SignedIn, account: AccountDep, request: HttpRequest) -> None:
    """A new password. It ends every session of the caller, this one too."""
    await handlers.change_password(account, _asker(caller, change, request), change.password.get_secret_value())


@router.post("/email", status_code=202, responses=CHANGED)
async def change_email(change: EmailChange, caller: SignedIn, account: AccountDep, request: HttpRequest) -> None:
    """Send a link to another address; whoever follows it lets the caller sign in with that one from then on."""
    await handlers.change_email(account, _asker(caller, change, request), change.email)


@router.get("/second-factor", responses=SEEN)
async def second_factor(caller: SignedIn, account: AccountDep) -> SecondFactorView:
    """Whether signing in with the password needs a code, too."""
    factor = await account.second_factors.store.of_user(await handlers.own(account, caller))
    return SecondFactorView(is_on=factor is not None, recovery_codes_left=factor.recovery_codes_left if factor else 0)


@router.post("/second-factor", responses=CHANGED | errors(SecondFactorOn))
async def begin_second_factor(
    change: Proven, caller: SignedIn, account: AccountDep, request: HttpRequest
) -> SecondFactorSecret:
    """A secret for an app that makes codes (TOTP). `POST /me/second-factor/confirmation` turns it on."""
    secret, uri = await handlers.begin_second_factor(account, _asker(caller, change, request))
    return SecondFactorSecret(secret=secret, uri=uri)


@router.post(
    "/second-factor/confirmation", responses=SEEN | errors(WrongCode, SecondFactorOff, Invalid, TooManyAttempts)
)
async def confirm_second_factor(
    body: Confirmation, caller: SignedIn, account: AccountDep, request: HttpRequest
) -> RecoveryCodes:
    """A code of the app turns the second factor on, and ends every session of the caller, this one too."""
    codes = await handlers.confirm_second_factor(account, caller, body.code, address_of(request))
    return RecoveryCodes(codes=codes)


@router.post("/second-factor/recovery-codes", responses=CHANGED | errors(SecondFactorOff))
async def renew_recovery_codes(
    change: Proven, caller: SignedIn, account: AccountDep, request: HttpRequest
) -> RecoveryCodes:
    """New recovery codes; the earlier ones are not good any more."""
    codes = await handlers.renew_recovery_codes(account, _asker(caller, change, request))
    return RecoveryCodes(codes=codes)


@router.post("/second-factor/removal", status_code=204, responses=CHANGED | errors(SecondFactorOff))
async def remove_second_factor(change: Proven, caller: SignedIn, account: AccountDep, request: HttpRequest) -> None:
    """Turn it off. It ends every session of the caller, this one too."""
    await handlers.remove_second_factor(account, _asker(caller, change, request))


@router.get("/passkeys", responses=SEEN)
async def list_passkeys(caller: SignedIn, account: AccountDep) -> list[PasskeyView]:
    """The caller's passkeys; there are few."""
    passkeys = await account.passkeys.store.of_user(await handlers.own(account, caller))
    return [PasskeyView.of(passkey) for passkey in passkeys]


@router.post("/passkeys/challenge", responses=SEEN)
async def challenge_new_passkey(caller: SignedIn, account: AccountDep) -> PasskeyOptions:
    """What the browser makes a passkey by."""
    options = await passkey_handlers.begin_adding(account.passkeys, await handlers.own(account, caller))
    return PasskeyOptions(options=options)


@router.post("/passkeys", status_code=201, responses=CHANGED | errors(PasskeyRefused))
async def add_passkey(
    new: NewPasskey, caller: SignedIn, account: AccountDep, recording: RecordingDep, request: HttpRequest
) -> PasskeyView:
    """The passkey that the browser made."""
    passkey = await handlers.add_passkey(account, _asker(caller, new, request), new.credential, new.name)
    recording.made(passkey_id=passkey.id)
    return PasskeyView.of(passkey)


@router.patch("/passkeys/{passkey_id}", status_code=204, responses=SEEN | errors(Invalid))
async def rename_passkey(passkey_id: str, change: PasskeyChange, caller: SignedIn, account: AccountDep) -> None:
    """Call it otherwise."""
    await passkey_handlers.rename(account.passkeys, await handlers.own(account, caller), passkey_id, change.name)


@router.post("/passkeys/{passkey_id}/removal", status_code=204, responses=CHANGED)
async def remove_passkey(
    passkey_id: str, change: Proven, caller: SignedIn, account: AccountDep, request: HttpRequest
) -> None:
    """It signs in nobody any more. It ends every session of the caller, this one too."""
    await handlers.remove_passkey(account, _asker(caller, change, request), passkey_id)


def _asker(caller: SignedIn, change: Proven, request: HttpRequest) -> Asker:
    return Asker(caller, change.proof.to_domain(), address_of(request))
