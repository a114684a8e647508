"""Passwords: the slow work."""

import asyncio
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from identity.domain import check_password


class Passwords:
    """Argon2id, at most `at_once` at a time: a storm of sign-ins must not starve everything else."""

    def __init__(self, at_once: int) -> None:
        self._hasher = PasswordHasher()
        self._turn = asyncio.Semaphore(at_once)
        self._nobodys = self._hasher.hash(uuid4().hex)

    async def hash(self, password: str, *about: str) -> str:
        """The hash of a new password of whom these words are `about`. Raises PasswordTooEasy."""
        async with self._turn:
            await asyncio.to_thread(check_password, password, about)
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Takes as long for nobody (None) as for somebody, so that time does not tell who exists."""
        async with self._turn:
            return await asyncio.to_thread(self._verify, password, password_hash or self._nobodys) and (
                password_hash is not None
            )

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
