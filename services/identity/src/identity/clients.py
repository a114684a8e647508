"""Passwords: the slow work."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from common.errors import Unavailable
from identity.domain import check_password

NICENESS = 3
"""Whoever waits for anything else goes first on a core; more would starve hashes on a machine that others use, too."""

T = TypeVar("T")


class Passwords:
    """Argon2id, at most `at_once` at a time, and at most `waiting` behind them: a storm of sign-ins must not starve
    everything else, and whoever it would keep waiting learns so at once."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(at_once, "password", initializer=os.nice, initargs=(NICENESS,))
        self._most = at_once + waiting
        self._here = 0
        self._nobodys = self._hasher.hash(uuid4().hex)

    async def hash(self, password: str, *about: str) -> str:
        """The hash of a new password of whom these words are `about`. Raises PasswordTooEasy, Unavailable."""
        return await self._in_turn(lambda: self._checked_hash(password, about))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Takes as long for nobody, and for who has no password yet, so that time does not tell who exists.

        Raises Unavailable.
        """
        known = password_hash or self._nobodys
        return await self._in_turn(lambda: self._verify(password, known)) and bool(password_hash)

    def check_room(self) -> None:
        """Raises Unavailable when as many wait as may: before anything else is done for one more."""
        if self._here >= self._most:
            raise Unavailable("Very many people sign in at the moment. Send the same request again.")

    async def _in_turn(self, work: Callable[[], T]) -> T:
        self.check_room()
        self._here += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._here -= 1

    def _checked_hash(self, password: str, about: tuple[str, ...]) -> str:
        check_password(password, about)
        return self._hasher.hash(password)

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
