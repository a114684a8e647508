"""Second factors: turning one on and off, recovery codes, and checking a code."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from identity.domain import User
from identity.handlers import Identity, letter_to, secure
from identity.mails.domain import LetterKind
from identity.second_factors.clients import Totp
from identity.second_factors.domain import (
    Enrolment,
    SecondFactorOff,
    SecondFactorOn,
    WrongCode,
    hash_of_code,
    new_recovery_codes,
)
from identity.second_factors.storage import SecondFactorStore


@dataclass
class SecondFactors:
    """What the use cases work with. `patience`: an app is shown to have the secret within that time."""

    store: SecondFactorStore
    totp: Totp
    identity: Identity
    patience: timedelta


async def begin(factors: SecondFactors, user: User) -> tuple[str, str]:
    """A secret for the app, and the same as a URI; it counts once a code confirms it. Raises SecondFactorOn."""
    if user.has_second_factor:
        raise SecondFactorOn("Turn it off first, to use another app.")
    secret, sealed = factors.totp.new_secret(user.id)
    await factors.store.enrol(user, Enrolment(sealed, datetime.now(UTC) + factors.patience))
    return secret, factors.totp.uri(secret, user.email)


async def confirm(factors: SecondFactors, user: User, code: str) -> list[str]:
    """Turn it on, which ends all sessions: those that go on began with it. Returns the recovery codes, shown this once.

    Raises SecondFactorOff when nothing waits to be confirmed, and WrongCode.
    """
    enrolment, now = await factors.store.enrolment(user), datetime.now(UTC)
    if enrolment is None or enrolment.until <= now:
        raise SecondFactorOff("Begin again: ask for a new secret.")
    step = factors.totp.step_of(enrolment.sealed, user.id, code, now)
    if step is None:
        raise WrongCode
    codes = new_recovery_codes()
    change = {
        "second_factor": {"sealed": enrolment.sealed, "last_step": step},
        "recovery_codes": [hash_of_code(one) for one in codes],
        "enrolment": None,
    }
    await _change(factors, user, change, LetterKind.SECOND_FACTOR_ON, where={"enrolment.sealed": enrolment.sealed})
    return codes


async def remove(factors: SecondFactors, user: User) -> None:
    """Turn it off, which ends all sessions. Raises SecondFactorOff."""
    change = {"second_factor": None, "recovery_codes": None, "enrolment": None}
    await _change(factors, user, change, LetterKind.SECOND_FACTOR_OFF, where={"second_factor": {"$exists": True}})


async def renew_recovery_codes(factors: SecondFactors, user: User) -> list[str]:
    """New ones, shown this once; the earlier ones are not good any more. Raises SecondFactorOff."""
    codes, where = new_recovery_codes(), {"second_factor": {"$exists": True}}
    change = {"recovery_codes": [hash_of_code(one) for one in codes]}
    await _change(factors, user, change, LetterKind.RECOVERY_CODES, where=where, sign_out=False)
    return codes


async def use(factors: SecondFactors, user: User, code: str) -> bool:
    """Use a code of the app or a recovery code, each of which is good once; False for any other."""
    factor = await factors.store.of_user(user)
    if factor is None:
        return False
    step = factors.totp.step_of(factor.sealed, user.id, code, datetime.now(UTC))
    if step is not None:
        return await factors.store.use_step(user, step)
    return await factors.store.use_recovery_code(user, hash_of_code(code))


async def _change(
    factors: SecondFactors, user: User, change: dict[str, Any], kind: LetterKind, *, where: dict[str, Any],
    sign_out: bool = True,
) -> None:  # fmt: skip
    news = await letter_to(factors.identity, user, kind)
    if await secure(factors.identity, user, change, news=news, where=where, sign_out=sign_out) is None:
        raise SecondFactorOff("It is not there any more.")
