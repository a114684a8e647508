"""The people of the story, as its own users would act: over HTTP, with a token each."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


@dataclass
class Person:
    """Somebody signed in; `call` sends a request with his token to any service."""

    client: httpx.AsyncClient
    token: str = field(repr=False)

    async def call(self, method: str, url: str, json: Any = None, **query: Any) -> Any:
        """The JSON answer. Raises RuntimeError with the problem's words when the service refuses."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self.client.request(method, url, json=json, params=query or None, headers=headers)
        if answer.is_error:
            raise RuntimeError(f"{method} {url}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


async def sign_in(client: httpx.AsyncClient, identity: str, email: str, password: str) -> Person:
    """Sign in as a person does: e-mail and password."""
    answer = await client.post(f"{identity}/sign-in", json={"email": email, "password": password})
    answer.raise_for_status()
    return Person(client, answer.json()["access_token"])


async def until(ask: Callable[[], Awaitable[T]], what: str, seconds: float = 30) -> T:
    """Ask again and again until the answer is truthy. Raises TimeoutError that says what did not happen."""
    end = time.monotonic() + seconds
    while not (answer := await ask()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} s")
        await asyncio.sleep(0.1)
    return answer
