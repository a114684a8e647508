"""A body is read before anybody knows who asks: it has an end (F1)."""

from collections.abc import AsyncIterator

import pytest

from common.settings import ServiceSettings
from tests.support.platform import Platform

PART = 1_000_000
MOST_BYTES: int = ServiceSettings.model_fields["request_most_bytes"].default


async def parts(count: int) -> AsyncIterator[bytes]:
    """Of a body whose size nobody says before."""
    for _ in range(count):
        yield bytes(PART)


@pytest.mark.parametrize("path", ["/persons", "/persons/import"])
async def test_a_stranger_fills_nobodys_memory(platform: Platform, path: str) -> None:
    """F1."""
    contacts = await platform.service("contacts")
    answer = await contacts.http.post(path, content=parts(MOST_BYTES // PART + 1), headers={"content-type": "text/csv"})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["type"].endswith("/body-too-large")
    assert answer.headers["cache-control"] == "no-store"
    answer = await contacts.http.post(path, content=bytes(MOST_BYTES), headers={"content-type": "text/csv"})
    assert answer.status_code in (401, 422)
