"""Company addresses and what the setup still lacks (A3, A4)."""

import asyncio
from typing import Any

import httpx

from tests.support.eventually import unique
from tests.support.platform import Platform, Service

OFFICE: dict[str, Any] = {
    "types": ["registered_office", "billing"],
    "street": "Piotrkowska 1",
    "postal_code": "90-001",
    "city": "Łódź",
    "country": "PL",
}
ROLES = ["call_centre", "finance", "logistics", "manager", "marketing", "rma", "sales", "tech", "user"]
NEEDED = ["billing", "main_warehouse", "correspondence", "registered_office"]


async def add(contacts: Service, partner: str, **changes: Any) -> httpx.Response:
    return await contacts.http.post("/addresses", json=OFFICE | changes, headers=contacts.tokens.headers(partner))


async def coverage(contacts: Service, partner: str) -> dict[str, Any]:
    return (await contacts.http.get("/coverage", headers=contacts.tokens.headers(partner))).json()


async def test_an_address_lives(platform: Platform) -> None:
    """A3: added with several types, read, changed in part, deleted, each with its history."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    made = (await add(contacts, partner)).json()
    assert made["types"] == ["billing", "registered_office"]
    url = f"/addresses/{made['id']}"
    assert (await contacts.http.get(url, headers=headers)).json() == made
    moved = await contacts.http.patch(url, json={"street": "Piotrkowska 2"}, headers=headers | {"If-Match": '"1"'})
    assert (moved.json(), moved.headers["etag"]) == (made | {"street": "Piotrkowska 2", "version": 2}, '"2"')
    late = await contacts.http.put(url, json=OFFICE, headers=headers | {"If-Match": '"1"'})
    assert (late.status_code, late.json()["changed_by"]) == (412, "usr_test")
    [changed, added] = (await contacts.http.get(f"{url}/history", headers=headers)).json()
    assert (added["action"], changed["fields"]["street"]["before"]) == ("added", "Piotrkowska 1")
    assert (await contacts.http.delete(url, headers=headers)).status_code == 200
    assert (await contacts.http.get(url, headers=headers)).status_code == 404
    assert "Piotrkowska" not in str(await contacts.database["addresses"].find_one({"_id": made["id"]}))


async def test_only_further_warehouses_may_occur_many_times(platform: Platform) -> None:
    """A3: whoever takes a type that another address has is told which one it is."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    office = (await add(contacts, partner)).json()
    for _ in range(3):
        assert (await add(contacts, partner, types=["warehouse"])).status_code == 201
    refused = await add(contacts, partner, types=["billing", "warehouse"])
    assert (refused.status_code, refused.json()["types"], refused.json()["address_id"]) == (
        409,
        ["billing"],
        office["id"],
    )
    store = (await add(contacts, partner, types=["warehouse", "correspondence"])).json()
    taken = await contacts.http.patch(f"/addresses/{store['id']}", json={"types": ["billing"]}, headers=headers)
    assert (taken.status_code, taken.json()["type"].rpartition("/")[2]) == (409, "address-type-taken")
    await contacts.http.delete(f"/addresses/{office['id']}", headers=headers)
    assert (await add(contacts, partner, types=["billing"])).status_code == 201
    listed = await contacts.http.get("/addresses", params={"type": "warehouse"}, headers=headers)
    assert len(listed.json()["items"]) == 4


async def test_of_twenty_who_add_the_billing_address_at_once_one_does(platform: Platform) -> None:
    """A3."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    answers = await asyncio.gather(*(add(contacts, partner, types=["billing"]) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


async def test_bad_addresses_are_refused_with_their_place(platform: Platform) -> None:
    """A3."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    bad: list[dict[str, Any]] = [
        {"types": []},
        {"types": ["castle"]},
        {"country": "Poland"},
        {"city": ""},
        {"street": "a\nb"},
        {"unknown": 1},
    ]
    for change in bad:
        answer = await add(contacts, partner, **change)
        assert (answer.status_code, len(answer.json()["errors"])) == (422, 1), change


async def test_a_new_partner_lacks_everything_and_a_complete_one_nothing(platform: Platform) -> None:
    """A4."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    assert await coverage(contacts, partner) == {
        "complete": False,
        "missing_roles": ROLES,
        "missing_address_types": NEEDED,
    }
    person = {"first_name": "Ada", "last_name": "All", "email": "ada@x.example.com", "roles": ROLES}
    made = (await contacts.http.post("/persons", json=person, headers=headers)).json()
    await add(contacts, partner, types=NEEDED[:2])
    assert (await coverage(contacts, partner))["missing_address_types"] == NEEDED[2:]
    await add(contacts, partner, types=NEEDED[2:])
    overview = (await contacts.http.get("/overview", headers=headers)).json()
    assert overview == {
        "persons": 1,
        "addresses": 2,
        "coverage": {"complete": True, "missing_roles": [], "missing_address_types": []},
    }
    gone = (await contacts.http.delete(f"/persons/{made['id']}", headers=headers)).json()
    assert (gone["coverage"]["complete"], gone["coverage"]["missing_roles"]) == (False, ROLES)


async def test_the_address_types_speak_four_languages(platform: Platform) -> None:
    """A3."""
    contacts = await platform.service("contacts")
    names: set[str] = set()
    for language in ("pl", "en", "cs", "hu"):
        params, headers = {"language": language}, platform.tokens.headers("prt_x")
        listed = (await contacts.http.get("/address-types", params=params, headers=headers)).json()
        assert [one["id"] for one in listed if one["repeatable"]] == ["warehouse"]
        assert all(one["name"] and one["description"] for one in listed)
        names.add(listed[0]["name"])
    assert len(names) == 4


async def test_another_partners_address_does_not_exist(platform: Platform) -> None:
    """Another's id answers exactly as an unknown one, and another's types are not counted."""
    contacts, stranger = await platform.service("contacts"), unique("prt")
    theirs = (await add(contacts, unique("prt"))).json()["id"]
    headers = platform.tokens.headers(stranger)
    for method, body in (("GET", None), ("PUT", OFFICE), ("PATCH", {"city": "X"}), ("DELETE", None)):
        foreign = await contacts.http.request(method, f"/addresses/{theirs}", json=body, headers=headers)
        unknown = await contacts.http.request(method, "/addresses/adr_unknown", json=body, headers=headers)
        assert foreign.status_code == 404
        assert foreign.content == unknown.content
    assert (await coverage(contacts, stranger))["missing_address_types"] == NEEDED
