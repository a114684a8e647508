"""Codes of an app: computed by pyotp, with secrets that are opened here and nowhere else."""

import hmac
from datetime import datetime

from pyotp import random_base32
from pyotp.totp import TOTP

from common.keyring import Keyring
from identity.second_factors.domain import sealed_for

ISSUER = "Switchboard"
STEPS = (0, -1, 1)
"""A code is also good one step of 30 s too late or too early: clocks differ."""


class Totp:
    """Secrets have 160 random bits and are sealed for their user."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def new_secret(self, user_id: str) -> tuple[str, str]:
        """(the secret in base 32, the same sealed)."""
        secret = random_base32()
        return secret, self._keyring.seal(secret, sealed_for(user_id))

    def uri(self, secret: str, email: str) -> str:
        """What an app reads from a QR code."""
        return TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)

    def step_of(self, sealed: str, user_id: str, code: str, now: datetime) -> int | None:
        """The step of time that a code is of; None for a wrong one."""
        totp = TOTP(self._keyring.open(sealed, sealed_for(user_id)))
        step = totp.timecode(now)
        found = [step + near for near in STEPS if hmac.compare_digest(totp.generate_otp(step + near), code)]
        return max(found, default=None)
