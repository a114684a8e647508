"""Contact persons: what people do over HTTP, and what others hear of it over Kafka (A1, A2, A5)."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from common.auth import Permission
from common.events import ContactChanged
from tests.support.eventually import eventually, unique
from tests.support.partners import announce_partner
from tests.support.platform import Platform, Service

ZOFIA = {"first_name": "Zofia", "last_name": "Nowak", "email": "zofia@shop.example.com", "roles": ["sales", "manager"]}


async def add(contacts: Service, partner: str, **changes: Any) -> httpx.Response:
    return await contacts.http.post("/persons", json=ZOFIA | changes, headers=contacts.tokens.headers(partner))


async def test_a_person_lives_and_everybody_hears_of_it(platform: Platform) -> None:
    """A1: created, changed, deleted; each state is announced with its version, the last one as deleted."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers, events = platform.tokens.headers(partner), platform.io.follow(ContactChanged)
    made = (await add(contacts, partner)).json()
    url = f"/persons/{made['id']}"
    changed = await contacts.http.put(url, json=ZOFIA | {"last_name": "Kowal", "roles": []}, headers=headers)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert (await contacts.http.delete(url, headers=headers)).status_code == 200
    assert (await contacts.http.get(url, headers=headers)).status_code == 404
    [last] = await events.wait_for(lambda e: e.data.person_id == made["id"] and e.data.deleted)
    assert (last.data.version, last.data.email, last.data.roles) == (3, "", [])
    await eventually(lambda: f"{partner}:{made['id']}" in events.tombstones)


async def test_the_state_after_a_change_is_announced_whole(platform: Platform) -> None:
    """A1."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    made = (await add(contacts, partner, phone="+48 601 234 567")).json()
    [event] = await platform.io.follow(ContactChanged).wait_for(lambda e: e.data.person_id == made["id"])
    assert event.data.model_dump(exclude={"version", "deleted"}) == {
        "partner_id": partner,
        "person_id": made["id"],
        "first_name": "Zofia",
        "last_name": "Nowak",
        "email": "zofia@shop.example.com",
        "phone": "+48601234567",
        "roles": ["manager", "sales"],
        "undeliverable": None,
    }


async def test_a_phone_is_read_in_the_country_of_the_partner(platform: Platform) -> None:
    """A1: "601 234 567" of a Polish partner is +48601234567; of an unknown partner it is refused with what to do."""
    contacts = await platform.service("contacts")
    refused = await add(contacts, unique("prt"), phone="601 234 567")
    assert (refused.status_code, refused.json()["title"]) == (422, "This phone number is not valid")
    partner = await announce_partner(platform.io)

    async def accepted() -> Any:
        answer = await add(contacts, partner, phone="601 234 567")
        return answer.json() if answer.status_code == 201 else None

    assert (await eventually(accepted))["phone"] == "+48601234567"


async def test_bad_input_is_refused_with_its_place(platform: Platform) -> None:
    """A1: nothing of it is kept."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    bad: list[dict[str, Any]] = [
        {"email": "no address"},
        {"email": "a@b\r\nBcc: x@y.example"},
        {"roles": ["king"]},
        {"first_name": ""},
        {"first_name": "a\nb"},
        {"last_name": "x" * 10_000},
        {"phone": "+48 1"},
        {"phone": "call me"},
        {"unknown": 1},
        {"partner_id": "prt_other"},
    ]
    for change in bad:
        answer = await add(contacts, partner, **change)
        assert answer.status_code == 422, change
        assert answer.headers["content-type"] == "application/problem+json"
    listed = await contacts.http.get("/persons", headers=platform.tokens.headers(partner))
    assert listed.json()["items"] == []


async def test_unicode_domains_are_addresses(platform: Platform) -> None:
    """A1."""
    contacts = await platform.service("contacts")
    assert (await add(contacts, unique("prt"), email="zofia@żółw.example.com")).status_code == 201


async def test_several_may_hold_a_role_and_one_may_hold_all(platform: Platform) -> None:
    """A1, A2."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    roles = [role["id"] for role in (await contacts.http.get("/roles", headers=headers)).json()]
    await add(contacts, partner, roles=roles)
    await add(contacts, partner, roles=["sales", "sales"])
    await add(contacts, partner, roles=[])
    holders = (await contacts.http.get("/persons", params={"role": "sales"}, headers=headers)).json()["items"]
    assert sorted(len(person["roles"]) for person in holders) == [1, 9]


async def test_the_catalogue_speaks_four_languages(platform: Platform) -> None:
    """A2."""
    contacts = await platform.service("contacts")
    names: set[str] = set()
    for language in ("pl", "en", "cs", "hu"):
        answer = await contacts.http.get("/roles", params={"language": language}, headers=platform.tokens.headers("p"))
        assert len(answer.json()) == 9
        assert all(role["name"] and role["description"] for role in answer.json())
        names.add(answer.json()[0]["name"])
    assert len(names) == 4


async def test_only_whoever_may_changes_contacts(platform: Platform) -> None:
    """A5: without a token 401; with another permission a 403 that names the missing one."""
    contacts = await platform.service("contacts")
    assert (await contacts.http.post("/persons", json=ZOFIA)).status_code == 401
    headers = platform.tokens.headers("prt_x", Permission.CONTACTS_READ)
    answer = await contacts.http.post("/persons", json=ZOFIA, headers=headers)
    assert (answer.status_code, answer.json()["permission"]) == (403, "contacts:write")


async def test_another_partners_person_does_not_exist(platform: Platform) -> None:
    """Another's id answers exactly as an unknown one."""
    contacts = await platform.service("contacts")
    theirs = (await add(contacts, unique("prt"))).json()["id"]
    headers = platform.tokens.headers(unique("prt"))
    for method, body in (("GET", None), ("PUT", ZOFIA), ("DELETE", None)):
        foreign = await contacts.http.request(method, f"/persons/{theirs}", json=body, headers=headers)
        unknown = await contacts.http.request(method, "/persons/per_unknown", json=body, headers=headers)
        assert foreign.status_code == 404
        assert foreign.content == unknown.content


async def test_two_people_do_not_overwrite_each_other(platform: Platform) -> None:
    """A1: 412 says who was quicker, and when."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    made = (await add(contacts, partner)).json()
    url, read = f"/persons/{made['id']}", {"If-Match": '"1"'}
    quicker = platform.tokens.headers(partner, user_id="usr_quick") | read
    assert (await contacts.http.put(url, json=ZOFIA | {"last_name": "Kowal"}, headers=quicker)).status_code == 200
    late = await contacts.http.put(url, json=ZOFIA, headers=headers | read)
    assert (late.status_code, late.json()["current_version"], late.json()["changed_by"]) == (412, 2, "usr_quick")
    assert datetime.now(UTC) - datetime.fromisoformat(late.json()["changed_at"]) < timedelta(minutes=1)
    for method in ("PATCH", "DELETE"):
        assert (await contacts.http.request(method, url, json={}, headers=headers | read)).status_code == 412


async def test_ten_people_who_change_the_same_person_do_so_one_after_the_other(platform: Platform) -> None:
    """A1: without `If-Match` the changes come one after the other, and none is lost from the history."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    url = f"/persons/{(await add(contacts, partner)).json()['id']}"
    names = [f"Name{number}" for number in range(10)]
    await asyncio.gather(*(contacts.http.patch(url, json={"last_name": name}, headers=headers) for name in names))
    assert (await contacts.http.get(url, headers=headers)).json()["version"] == 11
    changes = (await contacts.http.get(f"{url}/history", headers=headers)).json()
    steps = [one["fields"]["last_name"] for one in reversed(changes) if one["action"] == "changed"]
    assert {step["after"] for step in steps} == set(names)
    assert [step["before"] for step in steps] == ["Nowak", *(step["after"] for step in steps[:-1])]


async def test_a_patch_changes_what_it_names_and_nothing_else(platform: Platform) -> None:
    """A1: JSON Merge Patch; null takes the phone away, and what must be there stays."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner) | {"content-type": "application/merge-patch+json"}
    made = (await add(contacts, partner, phone="+48 601 234 567")).json()
    url = f"/persons/{made['id']}"
    changed = (await contacts.http.patch(url, content='{"roles": ["tech"]}', headers=headers)).json()
    assert changed == made | {"roles": ["tech"], "version": 2}
    without = (await contacts.http.patch(url, content='{"phone": null}', headers=headers)).json()
    assert without == changed | {"phone": None, "version": 3}
    for bad in ('{"email": null}', '{"first_name": ""}', '{"unknown": 1}', '{"roles": ["king"]}'):
        refused = await contacts.http.patch(url, content=bad, headers=headers)
        assert (refused.status_code, len(refused.json()["errors"])) == (422, 1)
    same = await contacts.http.patch(url, content="{}", headers=headers)
    assert same.json() == without


async def test_who_changed_what_is_remembered_and_forgotten_with_the_person(platform: Platform) -> None:
    """A1: for administrators; of a deleted person only that he was deleted remains."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    anna, bob = (platform.tokens.headers(partner, user_id=name) for name in ("usr_anna", "usr_bob"))
    made = (await contacts.http.post("/persons", json=ZOFIA, headers=anna)).json()
    url = f"/persons/{made['id']}"
    await contacts.http.patch(url, json={"last_name": "Kowal"}, headers=bob)
    found = (await contacts.http.get(f"{url}/history", headers=anna)).json()
    assert [(one["by"], one["action"]) for one in found] == [("usr_bob", "changed"), ("usr_anna", "added")]
    assert found[0]["fields"] == {"last_name": {"before": "Nowak", "after": "Kowal"}}
    reader = platform.tokens.headers(partner, Permission.CONTACTS_READ)
    assert (await contacts.http.get(f"{url}/history", headers=reader)).status_code == 403
    await contacts.http.delete(url, headers=bob)
    [last] = (await contacts.http.get(f"{url}/history", headers=anna)).json()
    assert (last["by"], last["action"], last["fields"]) == ("usr_bob", "deleted", {})
    kept = await contacts.database["persons"].find_one({"_id": made["id"]})
    assert "Nowak" not in str(kept)
    assert "zofia" not in str(kept)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lodz", ["Łódzka"]),
        ("ŁÓDZ", ["Łódzka"]),
        ("zdz łód", ["Łódzka"]),
        ("kowal", ["Kowal-Nowak"]),
        ("nowak", ["Kowal-Nowak"]),
        ("odz", []),
        ("zdzis@", ["Łódzka"]),
        ("601 234", ["Łódzka"]),
        ("+48 601", ["Łódzka"]),
        ("602", ["Kowal-Nowak"]),
        (".*", []),
        ("zdz\x00łód", ["Łódzka"]),
        ("  ", ["Kowal-Nowak", "Łódzka"]),
    ],
)
async def test_people_are_found_by_what_is_typed(platform: Platform, typed: str, found: list[str]) -> None:
    """A1: names, e-mail and phone by the beginnings of their words, whatever case and accents."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    await add(
        contacts, partner, first_name="Zdzisława", last_name="Łódzka", email="zdzis@x.example.com", phone="+48601234567"
    )
    await add(
        contacts, partner, first_name="Jan", last_name="Kowal-Nowak", email="jan@x.example.com", phone="+48602000000"
    )
    params = {"q": typed, "total": "true"}
    page = (await contacts.http.get("/persons", params=params, headers=platform.tokens.headers(partner))).json()
    assert sorted(one["last_name"] for one in page["items"]) == found
    assert page["total"] == len(found)


@pytest.mark.parametrize("typed", ["06 1 235", "(06 1) 235 6000", "1 235 60", "+36 1 235", "0612356000"])
async def test_a_phone_is_found_as_it_is_dialled_in_its_country(platform: Platform, typed: str) -> None:
    """A1: what may be written into the form finds it, too."""
    contacts, partner = await platform.service("contacts"), await announce_partner(platform.io, country="HU")

    async def accepted() -> bool:
        return (await add(contacts, partner, phone="06 1 235 6000")).status_code == 201

    await eventually(accepted)
    headers = platform.tokens.headers(partner)
    page = (await contacts.http.get("/persons", params={"q": typed}, headers=headers)).json()
    assert [one["phone"] for one in page["items"]] == ["+3612356000"]


async def test_no_list_of_persons_or_addresses_scans_the_collection(platform: Platform) -> None:
    """House rule: every query has its index."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    await add(contacts, partner)
    living = {"partner_id": partner, "deleted": False}
    searched = {**living, "$and": [{"search": {"$regex": "^zof"}}]}
    commands: list[dict[str, Any]] = [
        {"find": "persons", "filter": {**living, "_id": {"$gt": ""}}, "sort": {"_id": 1}},
        {"find": "persons", "filter": {**living, "roles": "sales", "_id": {"$gt": ""}}, "sort": {"_id": 1}},
        {"find": "persons", "filter": searched},
        {"find": "persons", "filter": {**living, "search": {"$in": ["zofia@shop.example.com"]}}},
        {"find": "persons", "filter": {"partner_id": partner, "request": {"$in": ["a"]}}},
        {"distinct": "persons", "key": "roles", "query": living},
        {"find": "addresses", "filter": {**living, "types": "billing", "_id": {"$gt": ""}}, "sort": {"_id": 1}},
        {"distinct": "addresses", "key": "types", "query": living},
    ]
    for command in commands:
        plan = str(await contacts.database.command("explain", command))
        assert "COLLSCAN" not in plan, command


async def test_a_repeated_request_adds_one_person(platform: Platform) -> None:
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner) | {"Idempotency-Key": unique("request")}
    answers = [await contacts.http.post("/persons", json=ZOFIA, headers=headers) for _ in range(3)]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_creation_repeated_during_a_deletion_is_answered(platform: Platform) -> None:
    """A1: with the one that is there, or a new one."""
    contacts = await platform.service("contacts")
    headers = platform.tokens.headers(unique("prt"))
    for _ in range(30):
        key = headers | {"Idempotency-Key": unique("request")}

        async def repeat(key: dict[str, str] = key) -> httpx.Response:
            return await contacts.http.post("/persons", json=ZOFIA, headers=key)

        made = (await repeat()).json()
        deleting = contacts.http.delete(f"/persons/{made['id']}", headers=headers)
        answers = await asyncio.gather(repeat(), deleting, *(repeat() for _ in range(5)))
        assert {answer.status_code for answer in answers} <= {200, 201, 204}


async def test_a_list_is_paged_without_gaps(platform: Platform) -> None:
    contacts, partner = await platform.service("contacts"), unique("prt")
    ids = {(await add(contacts, partner)).json()["id"] for _ in range(5)}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await contacts.http.get("/persons", params=params, headers=platform.tokens.headers(partner))).json()
        seen += [person["id"] for person in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    junk = await contacts.http.get("/persons", params={"cursor": "junk"}, headers=platform.tokens.headers(partner))
    assert junk.status_code == 422
