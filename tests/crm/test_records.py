"""Contact records (C1, C2, C3, C13) over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest

from common.auth import Permission
from tests.support.eventually import unique
from tests.support.platform import Platform, Service
from tests.support.tokens import Tokens

Json = dict[str, Any]

ANNA: Json = {"kind": "person", "first_name": "Anna", "last_name": "Kowalska"}
MILL: Json = {"kind": "organization", "organization_name": "Młyn s.c.", "supplier": True}


@pytest.fixture
async def crm(platform: Platform) -> Service:
    return await platform.service("crm")


@pytest.fixture
def auth(tokens: Tokens) -> dict[str, str]:
    """The headers of a user of a partner that nobody else has, who may read and change records."""
    return tokens.headers(unique("prt"), Permission.CRM_READ, Permission.CRM_WRITE)


async def add(crm: Service, auth: dict[str, str], record: Json, **headers: str) -> Json:
    answer = await crm.http.post("/records", json=record, headers=auth | headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def listed(crm: Service, auth: dict[str, str], **query: Any) -> list[str]:
    """The ids of all pages."""
    ids: list[str] = []
    while True:
        page = (await crm.http.get("/records", params=query, headers=auth)).json()
        ids += [one["id"] for one in page["items"]]
        if page["next"] is None:
            return ids
        query["cursor"] = page["next"]


async def test_a_person_is_kept_with_everything_given(crm: Service, auth: dict[str, str]) -> None:
    """C1, C3."""
    phones = [{"type": "mobile", "number": "+48 601 234 567"}, {"type": "warehouse", "number": "+36 1 235 6000"}]
    given = ANNA | {"email": "Anna@Sklep.example", "phones": phones, "note": "Calls on Mondays."}
    made = await add(crm, auth, given)
    kept = (await crm.http.get(f"/records/{made['id']}", headers=auth)).json()
    assert kept == made
    assert [phone["number"] for phone in kept["phones"]] == ["+48601234567", "+3612356000"]
    assert (kept["first_name"], kept["note"], kept["supplier"]) == ("Anna", "Calls on Mondays.", False)
    assert kept["email"] == "Anna@sklep.example", "only the domain of an address is indifferent to case"


async def test_a_record_is_changed_even_to_the_other_kind(crm: Service, auth: dict[str, str]) -> None:
    """C1, C13."""
    made = await add(crm, auth, ANNA | {"email": "anna@sklep.example"})
    changed = await crm.http.put(f"/records/{made['id']}", json=MILL, headers=auth)
    assert changed.status_code == 200
    kept = (await crm.http.get(f"/records/{made['id']}", headers=auth)).json()
    assert (kept["kind"], kept["organization_name"], kept["first_name"]) == ("organization", "Młyn s.c.", "")
    assert kept["email"] is None, "a change replaces the record whole"


async def test_of_two_who_change_the_same_version_one_is_told(crm: Service, auth: dict[str, str]) -> None:
    """C13: nobody's change is lost unseen."""
    made = await add(crm, auth, ANNA)
    etag = (await crm.http.get(f"/records/{made['id']}", headers=auth)).headers["ETag"]
    first = await crm.http.put(f"/records/{made['id']}", json=ANNA | {"note": "1"}, headers=auth | {"If-Match": etag})
    second = await crm.http.put(f"/records/{made['id']}", json=ANNA | {"note": "2"}, headers=auth | {"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["current_version"] == 2


async def test_nobody_deletes_what_he_has_not_seen(crm: Service, auth: dict[str, str]) -> None:
    """C13: what somebody else wrote meanwhile is not deleted with the version that was read."""
    made = await add(crm, auth, ANNA)
    url, read = f"/records/{made['id']}", auth | {"If-Match": '"1"'}
    assert (await crm.http.put(url, json=ANNA | {"note": "Call back"}, headers=read)).status_code == 200
    late = await crm.http.delete(url, headers=read)
    assert (late.status_code, late.json()["current_version"]) == (412, 2)
    assert (await crm.http.get(url, headers=auth)).json()["note"] == "Call back"
    assert (await crm.http.delete(url, headers=auth | {"If-Match": '"2"'})).status_code == 204


@pytest.mark.parametrize("etag", ["one", '"x"', '"99999999999999999999999"', "", '"-1"'])
async def test_a_made_up_etag_is_refused(crm: Service, auth: dict[str, str], etag: str) -> None:
    """C13: neither a change nor a mistake of ours."""
    made = await add(crm, auth, ANNA)
    answer = await crm.http.put(f"/records/{made['id']}", json=MILL, headers=auth | {"If-Match": etag})
    assert answer.status_code in (412, 422)
    assert (await crm.http.get(f"/records/{made['id']}", headers=auth)).json() == made


async def test_a_deleted_record_is_gone(crm: Service, auth: dict[str, str]) -> None:
    """C13."""
    made = await add(crm, auth, ANNA)
    assert (await crm.http.delete(f"/records/{made['id']}", headers=auth)).status_code == 204
    assert (await crm.http.get(f"/records/{made['id']}", headers=auth)).status_code == 404
    assert (await crm.http.delete(f"/records/{made['id']}", headers=auth)).status_code == 404
    assert await listed(crm, auth) == []


async def test_a_repeated_creation_makes_one_record(crm: Service, auth: dict[str, str], tokens: Tokens) -> None:
    """C1: the same key answers the same record; another partner's same key is another's."""
    key = {"Idempotency-Key": unique("key")}
    first = await add(crm, auth, ANNA, **key)
    assert await add(crm, auth, ANNA, **key) == first
    assert await listed(crm, auth) == [first["id"]]
    other = tokens.headers(unique("prt"), Permission.CRM_READ, Permission.CRM_WRITE)
    assert (await add(crm, other, ANNA, **key))["id"] != first["id"]


async def test_a_creation_repeated_during_a_deletion_is_answered(crm: Service, auth: dict[str, str]) -> None:
    """C1: with the one that is there, or a new one."""
    for _ in range(30):
        key = auth | {"Idempotency-Key": unique("request")}

        async def repeat(key: dict[str, str] = key) -> httpx.Response:
            return await crm.http.post("/records", json=ANNA, headers=key)

        made = (await repeat()).json()
        deleting = crm.http.delete(f"/records/{made['id']}", headers=auth)
        answers = await asyncio.gather(repeat(), deleting, *(repeat() for _ in range(5)))
        assert {answer.status_code for answer in answers} <= {200, 201, 204}


async def test_the_suppliers_are_one_step_away(crm: Service, auth: dict[str, str]) -> None:
    """C2: on either kind; filters combine."""
    mill, anna, piotr = [await add(crm, auth, one) for one in (MILL, ANNA, ANNA | {"supplier": True})]
    assert set(await listed(crm, auth, supplier=True)) == {mill["id"], piotr["id"]}
    assert await listed(crm, auth, supplier=False) == [anna["id"]]
    assert await listed(crm, auth, supplier=True, kind="person") == [piotr["id"]]
    assert set(await listed(crm, auth, kind="person")) == {anna["id"], piotr["id"]}


async def test_a_record_is_found_by_its_email_in_any_case(crm: Service, auth: dict[str, str]) -> None:
    """D9."""
    anna = await add(crm, auth, ANNA | {"email": "Anna.K@sklep.example"})
    await add(crm, auth, ANNA | {"email": "another@sklep.example"})
    assert await listed(crm, auth, email="anna.k@SKLEP.example") == [anna["id"]]


@pytest.mark.parametrize(
    "typed", ["świeża@żółw.example", " świeża@xn--w-uga1v8h.example", "s\u0301wiez\u0307a@z\u0307o\u0301łw.example"]
)
async def test_a_record_is_found_by_what_it_was_made_with(crm: Service, auth: dict[str, str], typed: str) -> None:
    """D9: one address may be written in several ways, with letters taken apart or a domain in ASCII."""
    made = await add(crm, auth, ANNA | {"email": typed})
    assert made["email"] == "świeża@żółw.example"
    assert await listed(crm, auth, email=typed) == [made["id"]]


async def test_an_empty_email_finds_nobody(crm: Service, auth: dict[str, str]) -> None:
    """D9: it is one that no record has, and not everybody's."""
    await add(crm, auth, ANNA | {"email": "anna@sklep.example"})
    await add(crm, auth, ANNA)
    assert await listed(crm, auth, email="") == []


async def test_pages_hold_every_record_once_though_some_are_added(crm: Service, auth: dict[str, str]) -> None:
    """C13."""
    made = {(await add(crm, auth, ANNA | {"last_name": f"N{number}"}))["id"] for number in range(7)}
    first = (await crm.http.get("/records", params={"limit": 3}, headers=auth)).json()
    await add(crm, auth, MILL)
    rest = await listed(crm, auth, limit=3, cursor=first["next"])
    seen = [one["id"] for one in first["items"]] + rest
    assert len(first["items"]) == 3
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"kind": "person"}, "body"),
        ({"kind": "person", "organization_name": "Only a company has it"}, "body"),
        ({"kind": "organization", "first_name": "Anna"}, "body"),
        ({"kind": "animal", "first_name": "Anna"}, "body/kind"),
        (ANNA | {"email": "anna@"}, "body/email"),
        (ANNA | {"first_name": "x" * 101}, "body/first_name"),
        (ANNA | {"first_name": "line\nbreak"}, "body/first_name"),
        (ANNA | {"note": "x" * 20_001}, "body/note"),
        (ANNA | {"phones": [{"number": "601 234 567"}]}, "body/phones/0/number"),
        (ANNA | {"phones": [{"number": "+48 1"}]}, "body/phones/0/number"),
        (ANNA | {"phones": [{"type": "", "number": "+48601234567"}]}, "body/phones/0/type"),
        (ANNA | {"partner_id": "prt_another"}, "body/partner_id"),
    ],
)
async def test_what_breaks_a_rule_is_refused_with_its_place(
    crm: Service, auth: dict[str, str], record: Json, place: str
) -> None:
    """C1, C3."""
    answer = await crm.http.post("/records", json=record, headers=auth)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["place"] for error in answer.json()["errors"]] == [place]
    assert await listed(crm, auth) == []


@pytest.mark.parametrize("cursor", ["x", "bm90IG91cnM", "WzEsMl0", "W10", "ś"])
async def test_a_made_up_cursor_is_refused(crm: Service, auth: dict[str, str], cursor: str) -> None:
    """C13."""
    assert (await crm.http.get("/records", params={"cursor": cursor}, headers=auth)).status_code == 422


async def test_another_partners_record_looks_like_none(crm: Service, auth: dict[str, str], tokens: Tokens) -> None:
    """F1: tenants never see each other, on any route, and cannot even tell that an id is taken."""
    record = await add(crm, auth, ANNA | {"email": "anna@sklep.example"})
    stranger = tokens.headers(unique("prt"), Permission.CRM_READ, Permission.CRM_WRITE)
    for method, path, body in [
        ("GET", "/records/{}", None),
        ("GET", "/records/{}/timeline", None),
        ("PUT", "/records/{}", ANNA),
        ("DELETE", "/records/{}", None),
    ]:
        theirs = await crm.http.request(method, path.format(record["id"]), json=body, headers=stranger)
        nobodys = await crm.http.request(method, path.format("con_0000000000000000"), json=body, headers=stranger)
        assert (theirs.status_code, theirs.content) == (404, nobodys.content), f"{method} {path}"
    assert await listed(crm, stranger) == []
    assert await listed(crm, stranger, email="anna@sklep.example") == []
    assert (await crm.http.get(f"/records/{record['id']}", headers=auth)).json() == record


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/records", Permission.CRM_WRITE),
        ("GET", "/records", Permission.CRM_READ),
        ("GET", "/records/con_1", Permission.CRM_READ),
        ("PUT", "/records/con_1", Permission.CRM_WRITE),
        ("DELETE", "/records/con_1", Permission.CRM_WRITE),
        ("GET", "/records/con_1/timeline", Permission.CRM_READ),
        ("GET", "/orders/A-1/timeline", Permission.CRM_READ),
    ],
)
async def test_a_route_needs_its_permission(
    crm: Service, tokens: Tokens, method: str, path: str, needed: Permission
) -> None:
    """A5: 401 without a token, 403 that names what is missing with every permission but that."""
    body = ANNA if method in ("POST", "PUT") else None
    others = [permission for permission in Permission if permission is not needed]
    unknown = await crm.http.request(method, path, json=body)
    lacking = await crm.http.request(method, path, json=body, headers=tokens.headers(unique("prt"), *others))
    allowed = await crm.http.request(method, path, json=body, headers=tokens.headers(unique("prt"), needed))
    assert (unknown.status_code, lacking.status_code) == (401, 403)
    assert lacking.json()["permission"] == needed
    assert allowed.status_code not in (401, 403)
