"""A client's account, worked in by a partner's master user: whatever shows who did something shows him, too (E6)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.auth import NEVER_DELEGATED, Permission
from tests.identity.entering import Headers, Master, new_master, switch
from tests.identity.test_audit import until
from tests.identity.test_sessions import bearer
from tests.support.eventually import eventually
from tests.support.mail import MailServer
from tests.support.platform import Platform
from tests.support.routes import Route, routes
from tests.system.test_every_route import ADDRESS, IN_A_MONTH, PERSON, Victim, victim

Json = dict[str, Any]
DELEGATED = sorted(set(Permission) - NEVER_DELEGATED)
ABOUT_ENTRIES = {"identity /entries", "identity /partner-access"}
"""Show the user that is acted for as such, and not as somebody who did something."""


def changing() -> list[Route]:
    """All that may be changed by whoever acts for a client; what deletes comes last."""
    found = [one for one in routes() if one.method != "GET" and one.permission in DELEGATED]
    return sorted(found, key=lambda one: one.method == "DELETE" or one.path.endswith("/delete"))


class Visit:
    """A master user in the account of a company that has something of everything."""

    def __init__(self, client: Victim, master: Master, user_id: str, headers: Headers) -> None:
        self.client = client
        self.user_id = user_id
        self.headers = headers
        self.actor = {"user_id": master.user_id, "partner_id": master.partner_id}


@pytest.fixture(scope="module")
async def visit(platform: Platform, mail: MailServer) -> Visit:
    client = await victim(platform, mail)
    company = client.company
    identity = company.services["identity"]
    master = await new_master(identity)
    await switch(identity, f"/partners/{master.partner_id}/clients/{company.partner_id}", True)
    given = {"permissions": DELEGATED, "until": IN_A_MONTH, "confirm_each": False}
    access = await company.call("identity", "PUT", f"/partner-access/{master.partner_id}", given)
    headers = bearer(await master.enters(company.partner_id))
    for service in company.services.values():

        async def is_let_in(http: Any = service.http) -> bool:
            return (await http.get("/dead-letters", headers=headers)).json()["type"].endswith("/permission-missing")

        if service is not identity:
            await eventually(is_let_in)
    return Visit(client, master, access["access"]["user_id"], headers)


def naming(value: Any, user_id: str) -> Iterator[Json]:
    """Each part of an answer that names this user."""
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from naming(one, user_id)
    if isinstance(value, dict) and user_id in value.values():
        yield value


async def test_whatever_shows_who_did_something_shows_who_acted(visit: Visit) -> None:
    """E6: "user U of partner X, for client Y", in the same words in all services; and in the audit log each of it."""
    client = visit.client
    for route in changing():
        answer = await client.ask(route, visit.headers)
        assert answer.status_code < 500, f"{route}: {answer.text}"
        assert answer.status_code not in (401, 403), f"{route}: {answer.text}"
    names = {route.name for route in changing()}
    told = await until(
        client.company.services["identity"], client.company.headers, lambda one: one["action"] in names, len(names)
    )
    assert {one["action"] for one in told} == names
    shown = await client.everything()
    found = [
        (name, one)
        for name, text in shown.items()
        if name not in ABOUT_ENTRIES and not name.endswith((".csv", ".ndjson"))
        for one in naming(json.loads(text), visit.user_id)
    ]
    assert {name for name, _ in found} >= {"identity /audit", "contacts /persons/{person_id}/history"}
    assert [(name, one) for name, one in found if one.get("actor") != visit.actor] == []


@pytest.mark.parametrize(("url", "body"), [("/persons", PERSON), ("/addresses", ADDRESS)])
async def test_whoever_comes_too_late_learns_who_acted(visit: Visit, url: str, body: Json) -> None:
    """E6, A1, A3: and what own people change is nobody else's."""
    company = visit.client.company
    contacts, own = company.services["contacts"].http, company.headers
    made = await contacts.post(url, json=body, headers=own)
    for by, version, expected in ((visit.headers, 1, visit.actor), (own, 2, None)):
        place = f"{url}/{made.json()['id']}"
        body = body | {"city": f"City {version}"} if "city" in body else body | {"last_name": f"Name {version}"}
        changed = await contacts.put(place, json=body, headers=by | {"If-Match": f'"{version}"'})
        assert changed.status_code == 200, changed.text
        late = await contacts.put(place, json=body, headers=own | {"If-Match": f'"{version}"'})
        assert (late.status_code, late.json()["actor"]) == (412, expected)
