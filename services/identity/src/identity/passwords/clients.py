"""Passwords: the slow work."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from identity.domain import check_password
from identity.passwords.domain import Limits, TooManySignIns, Turns

NICENESS = 3
"""Whoever waits for anything else goes first on a core; more would starve hashes on a machine that others use, too."""
LANES = 1
"""Threads of one hash: with more of them than cores, everything else would wait for all of them."""
READY = 2
"""As often as are hashed at once have their turn: while some are hashed, the others' users are looked up."""

T = TypeVar("T")


class Passwords:
    """Argon2id, a few at a time: a storm of sign-ins must not starve everything else. Whoever wants a password checked
    waits for his turn before anything else is done for him."""

    def __init__(self, limits: Limits) -> None:
        self._hasher = PasswordHasher(parallelism=LANES)
        self._threads = ThreadPoolExecutor(limits.at_once, "password", initializer=_let_others_go_first)
        self._nobodys = self._hasher.hash(uuid4().hex)
        self._free = limits.at_once * READY
        self._turns = Turns[asyncio.Future[bool]](limits.waiting)
        self._wait_seconds = limits.wait_seconds

    @asynccontextmanager
    async def turn(self, source: str = "") -> AsyncGenerator[None]:
        """In here passwords are checked with `matches`. `source` says where somebody comes from who is not signed in.

        Raises TooManySignIns.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(source)
        try:
            yield
        finally:
            self._end_turn()

    async def hash(self, password: str, *about: str) -> str:
        """The hash of a new password of whom these words are `about`, in a turn of its own.

        Raises PasswordTooEasy, TooManySignIns.
        """
        async with self.turn():
            return await self._in_thread(lambda: self._checked_hash(password, about))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Takes as long for nobody, and for who has no password yet, so that time does not tell who exists."""
        known = password_hash or self._nobodys
        return await self._in_thread(lambda: self._verify(password, known)) and bool(password_hash)

    async def _wait(self, source: str) -> None:
        turn = asyncio.get_running_loop().create_future()
        if displaced := self._turns.add(source, turn):
            displaced.set_result(False)
        try:
            await asyncio.wait([turn], timeout=self._wait_seconds)
        except asyncio.CancelledError:
            if turn.done() and turn.result():  # it came in the same moment: the next one's
                self._end_turn()
            raise
        finally:
            if not turn.done():
                self._turns.remove(source, turn)
        if not turn.done() or not turn.result():
            raise TooManySignIns(self._wait_seconds)

    def _end_turn(self) -> None:
        if following := self._turns.next():
            following.set_result(True)
        else:
            self._free += 1

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _checked_hash(self, password: str, about: tuple[str, ...]) -> str:
        check_password(password, about)
        return self._hasher.hash(password)

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _let_others_go_first() -> None:
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.nice(NICENESS)
