"""Looking up hosts, each in a thread of its own: one whose name servers are silent takes its thread for half a minute.

The loop's own way has two threads for all hosts, those of our broker too (uvloop), or a few that everything shares.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread
from typing import Any

AT_ONCE = 200
Found = Sequence[tuple[Any, Any, int, str, Any]]
LookUp = Callable[[str, int], Found]


def _by_system(host: str, port: int) -> Found:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Lookups:
    """`look_up` is what waits for an answer."""

    def __init__(self, look_up: LookUp = _by_system) -> None:
        self._look_up = look_up
        self._free = asyncio.Semaphore(AT_ONCE)

    async def of(self, host: str, port: int) -> Found:
        """The addresses of a host, as `getaddrinfo` gives them. Raises OSError, UnicodeError."""
        loop = asyncio.get_running_loop()
        await self._free.acquire()
        answer: asyncio.Future[Found] = loop.create_future()

        def end(found: Found | OSError | ValueError | None) -> None:
            self._free.release()
            if isinstance(found, OSError | ValueError):
                if not answer.done():
                    answer.set_exception(found)
            elif found is not None and not answer.done():
                answer.set_result(found)

        def work() -> None:
            found: Found | OSError | ValueError | None = None
            try:
                found = self._look_up(host, port)
            except (OSError, ValueError) as error:
                found = error
            finally:
                with suppress(RuntimeError):  # the loop is over, and nobody waits any more
                    loop.call_soon_threadsafe(end, found)

        Thread(target=work, name="lookup", daemon=True).start()  # the end of the process does not wait for it
        return await answer
