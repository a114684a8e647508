"""What nobody does while he acts for somebody else (E6); `system/test_every_token.py` holds it against every route."""

from common.auth import NEVER_DELEGATED
from identity.panel.main import OPEN_WHILE_ACTING
from tests.identity.entering import connected
from tests.identity.test_sessions import bearer
from tests.support.platform import Platform
from tests.support.routes import routes

HARMLESS = {
    "GET /partner": "whose account one is in",
    "GET /permissions": "a list that is the same for everybody",
    "GET /users": "with users:read, if the client gave that",
    "GET /machines": "with machines:read, if the client gave that",
    "GET /entry": "for whom one acts",
    "POST /entry/leave": "to stop acting",
}


def test_what_is_open_is_harmless() -> None:
    """E6: a new route is closed until somebody says here why not."""
    assert HARMLESS.keys() == OPEN_WHILE_ACTING
    assert {route.name for route in routes() if route.service == "identity"} >= OPEN_WHILE_ACTING


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
