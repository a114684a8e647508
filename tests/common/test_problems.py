"""Whatever is wrong with a request, the answer says what to change, and where in what was sent (A5)."""

from typing import Any

import httpx
import pytest

from tests.support.eventually import unique
from tests.support.platform import Platform, Service

ACCOUNT = {"name": "Shop", "from_address": "shop@x.example", "host": "mail.x.example", "port": 587}


async def refused(service: Service, method: str, path: str, **request: Any) -> tuple[httpx.Response, dict[str, Any]]:
    headers = service.tokens.headers(unique("prt")) | request.pop("headers", {})
    answer = await service.http.request(method, path, headers=headers, **request)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer, answer.json()


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"port": 99_999}, ["body/port"]),
        (
            {"via": "http", "channel": "sms", "url": "https://x.example"},
            ["body/from_address", "body/host", "body/port", "body/body"],
        ),
        ({"via": "pigeon"}, ["body"]),
        ({"oauth": {"client_id": "x"}}, ["body/oauth/token_url"]),
        ({"unknown": 1}, ["body/unknown"]),
    ],
)
async def test_a_place_is_one_in_what_was_sent(platform: Platform, change: dict[str, Any], places: list[str]) -> None:
    """B11: pydantic's names for the ways of an account stand in no request."""
    outbox = await platform.service("outbox")
    _, problem = await refused(outbox, "POST", "/accounts", json=ACCOUNT | change)
    assert sorted(one["place"] for one in problem["errors"]) == sorted(places)
    assert "_way" not in str(problem)


@pytest.mark.parametrize(
    ("path", "kind", "content", "words"),
    [
        ("/persons", "application/x-www-form-urlencoded", b'{"first_name": "Ann"}', "Content-Type: application/json"),
        ("/persons", "application/json", b'{"first_name": "Ann",}', "no JSON from its character"),
        ("/persons/import", "application/json", b"{}", "Send the file itself"),
    ],
)
async def test_a_body_of_another_kind_is_told_so(
    platform: Platform, path: str, kind: str, content: bytes, words: str
) -> None:
    """A1: `curl -d` alone sends a form."""
    contacts = await platform.service("contacts")
    answer, problem = await refused(contacts, "POST", path, content=content, headers={"content-type": kind})
    assert answer.status_code == 422
    [error] = problem["errors"]
    assert error["place"] == "body"
    assert words in error["problem"]


async def test_another_method_is_told_all_that_there_are(platform: Platform) -> None:
    """A1, RFC 9110 (15.5.6)."""
    contacts = await platform.service("contacts")
    answer, problem = await refused(contacts, "PUT", "/persons")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert "GET, POST" in problem["detail"]
    answer, _ = await refused(contacts, "POST", "/persons/per_1")
    assert answer.headers["allow"] == "DELETE, GET, PATCH, PUT"


async def test_nobody_is_sent_on_with_his_token(platform: Platform) -> None:
    """A5: where to would be said by the request's `Host`, and it would be without TLS."""
    contacts = await platform.service("contacts")
    answer, problem = await refused(contacts, "GET", "/persons/", headers={"host": "another.example"})
    assert (answer.status_code, problem["type"].rpartition("/")[2]) == (404, "not-found")
    assert "location" not in answer.headers


async def test_a_title_is_the_same_each_time(platform: Platform) -> None:
    """A5, RFC 9457 (3.1.4)."""
    contacts = await platform.service("contacts")
    _, problem = await refused(contacts, "POST", "/persons", content=bytes(10_000_001))
    assert problem["title"] == "The body is too large"
    assert "10000000 bytes" in problem["detail"]


async def test_words_are_about_what_was_sent(platform: Platform) -> None:
    """A5: pydantic counts the items of a password, and begins with the kind of its error."""
    identity, crm = await platform.service("identity"), await platform.service("crm")
    _, problem = await refused(identity, "POST", "/users", json={"email": "a@x.example", "name": "A", "password": "x"})
    assert [one["problem"] for one in problem["errors"]] == [
        "Value should have at least 12 characters after validation, not 1"
    ]
    _, problem = await refused(crm, "POST", "/records", json={"kind": "person"})
    assert [one["problem"] for one in problem["errors"]] == ["a person needs first_name or last_name"]


async def test_a_patch_that_takes_too_much_is_told_its_place(platform: Platform) -> None:
    """A1: the person would have no last name."""
    contacts = await platform.service("contacts")
    headers = contacts.tokens.headers(unique("prt"))
    ann = {"first_name": "Ann", "last_name": "Smith", "email": "ann@x.example"}
    person = (await contacts.http.post("/persons", json=ann, headers=headers)).json()
    answer = await contacts.http.patch(f"/persons/{person['id']}", json={"last_name": None}, headers=headers)
    assert [one["place"] for one in answer.json()["errors"]] == ["body/last_name"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_balancer_looks_with_head(platform: Platform, path: str) -> None:
    """F3, RFC 9110 (9.3.2): the answer is that of GET, without its body."""
    contacts = await platform.service("contacts")
    answer = await contacts.http.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
