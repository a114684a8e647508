"""What nobody does while he acts for somebody else: one rule, held against every route of identity (E6)."""

import json

import pytest

from common.auth import NEVER_DELEGATED, Permission
from identity.panel.main import OPEN_WHILE_ACTING
from tests.architecture.test_routes import OPEN
from tests.identity.entering import connected
from tests.identity.test_sessions import bearer
from tests.support.platform import Platform
from tests.system.test_every_route import BODIES, DOCUMENTS, QUERIES

HARMLESS = {
    "GET /partner": "whose account one is in",
    "GET /permissions": "a list that is the same for everybody",
    "GET /users": "with users:read, if the client gave that",
    "GET /machines": "with machines:read, if the client gave that",
    "GET /entry": "for whom one acts",
    "POST /entry/leave": "to stop acting",
}
ROUTES = sorted(
    f"{method.upper()} {path}"
    for path, operations in json.loads((DOCUMENTS / "identity.json").read_text())["paths"].items()
    for method in operations
    if path not in OPEN
)


def test_what_is_open_is_harmless() -> None:
    """E6: a new route is closed until somebody says here why not."""
    assert HARMLESS.keys() == OPEN_WHILE_ACTING
    assert set(ROUTES) >= OPEN_WHILE_ACTING


@pytest.mark.parametrize("route", ROUTES)
async def test_every_route_but_a_few_is_closed(platform: Platform, route: str) -> None:
    """E6: no grant, no access, no credential, no second factor, no session; whatever the token says one may do."""
    identity = await platform.service("identity")
    acting = identity.tokens.sign("prt_client", *Permission, act={"sub": "usr_master", "partner_id": "prt_p", "ver": 1})
    method, path = route.split(" ")
    for name in ("user_id", "machine_id", "session_id", "partner_id", "client_id", "entry_id", "letter_id"):
        path = path.replace(f"{{{name}}}", f"{name}_1")
    answer = await identity.http.request(
        method, path, json=BODIES.get(route), params=QUERIES, headers={"Authorization": f"Bearer {acting}"}
    )
    is_closed = answer.status_code == 403 and answer.json()["type"].endswith("/acting-for-another")
    assert is_closed != (route in OPEN_WHILE_ACTING), f"{route}: {answer.status_code} {answer.text}"


async def test_the_token_of_an_entry_is_one_of_those(platform: Platform) -> None:
    """E6: so are those that identity gives."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    headers = bearer(await master.enters(client.id))
    assert (await identity.http.get("/users", headers=headers)).status_code == 200
    for method, path in (("GET", "/sessions"), ("DELETE", "/sessions"), ("GET", "/panel"), ("GET", "/entries")):
        answer = await identity.http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "acting-for-another"), path


def test_what_lets_others_in_is_never_delegated() -> None:
    """E6: a new permission that does is to be put there."""
    assert {"users:write", "machines:write", "entries:write", "accounts:write"} <= NEVER_DELEGATED
