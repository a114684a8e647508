"""What people change about how they sign in. Each change needs a proof in the same request."""

from dataclasses import dataclass
from typing import Any

from common.auth import Caller
from identity.domain import User
from identity.handlers import Identity, known_user, letter_to, secure
from identity.mails.domain import LetterKind
from identity.passkeys import handlers as passkey_handlers
from identity.passkeys.domain import Passkey
from identity.passkeys.handlers import Passkeys
from identity.proofs.domain import Proof
from identity.proofs.handlers import prove, trying_codes
from identity.recovery import handlers as recovery_handlers
from identity.recovery.handlers import Recovery
from identity.second_factors import handlers as second_factor_handlers
from identity.second_factors.handlers import SecondFactors
from identity.sessions.handlers import Sessions, place_for


@dataclass
class Account:
    """What the use cases work with."""

    identity: Identity
    sessions: Sessions
    recovery: Recovery

    @property
    def second_factors(self) -> SecondFactors:
        return self.sessions.proofs.second_factors

    @property
    def passkeys(self) -> Passkeys:
        return self.sessions.proofs.passkeys


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever asks for a change: his token, his proof, and the address he asks from."""

    caller: Caller
    proof: Proof
    address: str


async def own(account: Account, caller: Caller) -> User:
    """The caller himself. Raises NotFound."""
    return await known_user(account.identity, caller.partner_id, caller.user_id)


async def proven(account: Account, asker: Asker) -> User:
    """The user who asks, once he has proved that it is he.

    Raises NotFound, WrongPasskey, ChallengeGone, WrongCredentials, WrongCode, TooManyAttempts.
    """
    user = await own(account, asker.caller)
    await prove(account.sessions.proofs, user, asker.proof, await place_for(account.sessions, user, asker.address))
    return user


async def change_password(account: Account, asker: Asker, password: str) -> None:
    """A new password, which ends all sessions. Raises what `proven` does, and PasswordTooEasy."""
    user = await proven(account, asker)
    change = {"password_hash": await account.identity.passwords.hash(password, user.email, user.name)}
    news = await letter_to(account.identity, user, LetterKind.PASSWORD_CHANGED)
    await secure(account.identity, user, change, news=news, sign_out=True)


async def begin_second_factor(account: Account, asker: Asker) -> tuple[str, str]:
    """A secret for an app, and the same as a URI. Raises what `proven` does, and SecondFactorOn."""
    return await second_factor_handlers.begin(account.second_factors, await proven(account, asker))


async def confirm_second_factor(account: Account, caller: Caller, code: str, address: str) -> list[str]:
    """What `begin_second_factor` began, with proof, is shown to work. Whoever has no more than a token cannot guess a
    code: it would give him the recovery codes. Raises NotFound, SecondFactorOff, WrongCode, TooManyAttempts."""
    user = await own(account, caller)
    place = await place_for(account.sessions, user, address)
    async with trying_codes(account.sessions.proofs, user, place):
        return await second_factor_handlers.confirm(account.second_factors, user, code)


async def remove_second_factor(account: Account, asker: Asker) -> None:
    """Raises what `proven` does, and SecondFactorOff."""
    await second_factor_handlers.remove(account.second_factors, await proven(account, asker))


async def renew_recovery_codes(account: Account, asker: Asker) -> list[str]:
    """Raises what `proven` does, and SecondFactorOff."""
    return await second_factor_handlers.renew_recovery_codes(account.second_factors, await proven(account, asker))


async def add_passkey(account: Account, asker: Asker, credential: dict[str, Any], name: str) -> Passkey:
    """Raises what `proven` does, PasskeyInvalid, PasskeyRefused, ChallengeGone."""
    return await passkey_handlers.add(account.passkeys, await proven(account, asker), credential, name)


async def remove_passkey(account: Account, asker: Asker, passkey_id: str) -> None:
    """Raises what `proven` does, and NotFound."""
    await passkey_handlers.remove(account.passkeys, await proven(account, asker), passkey_id)


async def change_email(account: Account, asker: Asker, email: str) -> None:
    """Write to the new address; it is the user's once he follows the link. Raises what `proven` does."""
    await proven(account, asker)
    await recovery_handlers.confirm_own(account.recovery, asker.caller, email)
