"""Waiting for what must come, without sleeping for what might."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import uuid4

T = TypeVar("T")


async def eventually(condition: Callable[[], T | Awaitable[T]], timeout: float = 10.0, what: str = "") -> T:
    """Poll `condition` until it is truthy, and return that. Fails with what it last was after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        value: T = await result if inspect.isawaitable(result) else result  # pyright: ignore[reportAssignmentType]
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what or 'the condition'} did not come true in {timeout} s; it is {value!r}")
        await asyncio.sleep(0.02)


def unique(kind: str) -> str:
    """A fresh id: tests share services, so each has partners, events and addresses of its own."""
    return f"{kind}_{uuid4().hex[:12]}"
