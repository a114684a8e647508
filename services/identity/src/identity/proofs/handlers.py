"""Proving who one is: when signing in, and again with each change of how one signs in."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from identity.domain import User, WrongCredentials, folded
from identity.passkeys.domain import WrongPasskey
from identity.passkeys.handlers import Passkeys, shown
from identity.passwords.clients import Passwords
from identity.proofs.domain import Proof
from identity.second_factors.domain import WrongCode
from identity.second_factors.handlers import SecondFactors, use
from identity.throttling.domain import Place
from identity.throttling.handlers import Throttle, give_back, take


@dataclass
class Proofs:
    """What the use cases work with."""

    passwords: Passwords
    second_factors: SecondFactors
    passkeys: Passkeys
    throttle: Throttle


async def check_password(proofs: Proofs, user: User | None, email: str, password: str, place: Place) -> User:
    """The user, if it is his password; in a turn of `proofs.passwords`.

    Raises WrongCredentials, in the same words and time whatever was wrong; TooManyAttempts.
    """
    taken = await take(proofs.throttle, folded(email), place)
    is_his = await proofs.passwords.matches(password, user.password_hash if user else None)
    if not is_his or user is None:
        raise WrongCredentials("Check both and try again.")
    await give_back(proofs.throttle, taken)
    return user


async def check_code(proofs: Proofs, user: User, code: str, place: Place) -> None:
    """A code of the user's second factor, or a recovery code, this once. Raises WrongCode, TooManyAttempts."""
    async with trying_codes(proofs, user, place):
        if not await use(proofs.second_factors, user, code):
            raise WrongCode


@asynccontextmanager
async def trying_codes(proofs: Proofs, user: User, place: Place) -> AsyncGenerator[None]:
    """A wrong code in it uses a try. Codes have tries of their own, so that guessing them does not close the way for
    passwords. Raises TooManyAttempts."""
    taken = await take(proofs.throttle, f"second factor of {user.id}", place)
    try:
        yield
    except WrongCode:
        taken = ()
        raise
    finally:
        await give_back(proofs.throttle, taken)


async def prove(proofs: Proofs, user: User, proof: Proof, place: Place) -> None:
    """Whoever is signed in proves again who he is, as if he signed in now: a stolen token changes nothing for good.

    Raises WrongPasskey, ChallengeGone, WrongCredentials, WrongCode, TooManyAttempts, TooManySignIns.
    """
    if proof.passkey is not None:
        if (await shown(proofs.passkeys, proof.passkey)).id != user.id:
            raise WrongPasskey
        return
    async with proofs.passwords.turn(place.id):
        await check_password(proofs, user, user.email, proof.password, place)
    if user.has_second_factor:
        await check_code(proofs, user, proof.code, place)
