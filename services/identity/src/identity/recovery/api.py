"""Links in mails over HTTP: invitations, forgotten passwords, addresses to confirm."""

from typing import Annotated

from fastapi import APIRouter, Request

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, SignedIn, requires
from common.errors import ActingForAnother, Invalid, NotFound, NotSignedIn, PermissionMissing
from common.http import address_of, errors, provided
from identity.domain import EmailTaken
from identity.mails.domain import LetterKind, LinkNotGood
from identity.recovery import handlers
from identity.recovery.domain import AlreadyAccepted
from identity.recovery.handlers import Recovery
from identity.recovery.schemas import FollowedLink, ForgottenPassword, NewPassword
from identity.throttling.domain import TooManyAttempts

RecoveryDep = Annotated[Recovery, provided(Recovery)]
UsersWriter = Annotated[Caller, requires(Permission.USERS_WRITE)]

router = APIRouter(tags=["links"])
FOLLOWED = errors(LinkNotGood, Invalid, EmailTaken)
OWN = errors(NotSignedIn, ActingForAnother, NotFound, TooManyAttempts)
FOR_USERS = errors(NotSignedIn, PermissionMissing, NotFound, Invalid, TooManyAttempts)


@router.post("/password/forgotten", status_code=202, responses=errors(TooManyAttempts, Invalid))
async def forgotten_password(body: ForgottenPassword, recovery: RecoveryDep, request: Request) -> None:
    """If somebody signs in with this address, a link goes there. The answer is the same if nobody does."""
    await handlers.forgotten(recovery, body.email, address_of(request))


@router.post("/password/reset", status_code=204, responses=FOLLOWED)
async def reset_password(body: NewPassword, recovery: RecoveryDep, recording: RecordingDep) -> None:
    """A new password by the link in a mail. It ends all sessions; a second factor stays on."""
    await handlers.set_password(
        recovery, LetterKind.PASSWORD_RESET, body.token.get_secret_value(), body.password.get_secret_value(), recording
    )


@router.post("/invitation/accept", status_code=204, responses=FOLLOWED)
async def accept_invitation(body: NewPassword, recovery: RecoveryDep, recording: RecordingDep) -> None:
    """The first password, by the link of an invitation."""
    await handlers.set_password(
        recovery, LetterKind.INVITATION, body.token.get_secret_value(), body.password.get_secret_value(), recording
    )


@router.post("/email/confirm", status_code=204, responses=FOLLOWED)
async def confirm_email(body: FollowedLink, recovery: RecoveryDep, recording: RecordingDep) -> None:
    """The address that the link went to is the user's, and the one that he signs in with."""
    await handlers.confirm_email(recovery, body.token.get_secret_value(), recording)


@router.post("/me/email/confirmation", status_code=202, responses=OWN)
async def confirm_own_email(caller: SignedIn, recovery: RecoveryDep) -> None:
    """Send a link to the caller's address, by which he confirms that it is his."""
    await handlers.confirm_own(recovery, caller)


@router.post("/users/{user_id}/invitation", status_code=202, responses=FOR_USERS | errors(AlreadyAccepted))
async def invite_again(user_id: str, caller: UsersWriter, recovery: RecoveryDep) -> None:
    """Invite a user once more; the earlier invitation is not good any more."""
    await handlers.invite_again(recovery, caller, user_id)


@router.post("/users/{user_id}/password-reset", status_code=202, responses=FOR_USERS)
async def reset_password_of(user_id: str, caller: UsersWriter, recovery: RecoveryDep) -> None:
    """Send a user a link to a new password. Nobody sets somebody else's."""
    await handlers.reset_for(recovery, caller, user_id)
