"""A body is read before anybody knows who asks: it has an end (F1)."""

import json
from collections.abc import AsyncIterator

import pytest

from common.places import MOST_PLACES
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


async def test_a_stranger_keeps_nobody_waiting_by_very_many_values(platform: Platform) -> None:
    """F1: each that is wrong costs time in which nothing else gets on, and a line of the answer."""
    identity = await platform.service("identity")
    bodies = [
        "{" + ",".join(f'"{i}":0' for i in range(200_000)) + "}",
        '{"email":' + "[" * 5_000 + "[]," * 200_000,
        '{"email": "\\\\", "name": "\\"",' + ",".join(f'"{i}":0' for i in range(200_000)) + "}",
    ]
    for body in bodies:
        answer = await identity.http.post("/sign-in", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, len(answer.content) < 1000) == (413, True), answer.text[:300]
        assert answer.json()["type"].endswith("/body-too-large")
    answer = await identity.http.post(
        "/sign-in", content=bodies[0].encode("utf-16"), headers={"content-type": "application/json"}
    )
    assert (answer.status_code, answer.json()["detail"]) == (422, "The body cannot be read: send JSON in UTF-8.")
    wrong = json.dumps(dict.fromkeys(map(str, range(5_000)), 0))
    answer = await identity.http.post("/sign-in", content=wrong, headers={"content-type": "application/json"})
    assert (answer.status_code, len(answer.json()["errors"])) == (422, MOST_PLACES)


async def test_what_stands_in_a_text_is_no_value(platform: Platform) -> None:
    """C11: a long note has as many commas and quotation marks as it likes, wherever the request is cut."""
    crm = await platform.service("crm")
    record = {"kind": "person", "first_name": "Ann", "note": ',"[{\\' * 4_000}
    answer = await crm.http.post("/records", json=record, headers=crm.tokens.headers("prt_values"))
    assert (answer.status_code, answer.json()["note"]) == (201, record["note"])

    async def cut() -> AsyncIterator[bytes]:
        text = json.dumps(record).encode()
        for start in range(0, len(text), 333):
            yield text[start : start + 333]

    headers = crm.tokens.headers("prt_values") | {"content-type": "application/json"}
    answer = await crm.http.post("/records", content=cut(), headers=headers)
    assert (answer.status_code, answer.json()["note"]) == (201, record["note"])


@pytest.mark.parametrize(("path", "status"), [("/accounts", 413), ("/domains", 413), ("/attachments", 401)])
async def test_only_routes_that_keep_nothing_in_memory_take_more(platform: Platform, path: str, status: int) -> None:
    """F1: of a file, or of a mail that came back, no more than a part is there at once."""
    outbox = await platform.service("outbox")
    answer = await outbox.http.post(path, content=parts(MOST_BYTES // PART + 1), headers={"content-type": "text/csv"})
    assert answer.status_code == status
