"""Who was refused what is in the logs, and nothing of what he sent (E6)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.auth import Permission
from tests.identity.entering import EXCHANGE
from tests.identity.test_machines import make, owner_of_new_partner, token
from tests.identity.test_sessions import bearer, begin
from tests.identity.test_sign_in import new_partner
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service

Json = dict[str, Any]
NAMES = ("user_id", "partner_id", "actor_user_id", "actor_partner_id")


def lines(service: Service, event: str) -> list[Json]:
    """The lines of its log that tell this event."""
    found = [json.loads(line) for line in service.log_text().splitlines() if f'"event": "{event}"' in line]
    return [line for line in found if line["event"] == event]


async def refused(service: Service, route: str, reason: str) -> Json:
    """The last line about such a refusal."""

    def there() -> list[Json]:
        return [one for one in lines(service, "refused") if (one["route"], one["reason"]) == (route, reason)]

    return (await eventually(there))[-1]


def who(line: Json) -> Json:
    return {name: line[name] for name in NAMES if name in line}


async def test_a_wrong_sign_in_is_in_the_log_also_of_nobody(platform: Platform) -> None:
    """E6: with the ids of whoever is known; never the address, and nothing that is made of it."""
    identity = await platform.service("identity", instance="refused")
    partner, known = await new_partner(identity)
    body = {"email": f"{unique('nobody')}@shop.example.com", "password": "a wrong password"}
    assert (await identity.http.post("/sign-in", json=body)).status_code == 401
    line = await refused(identity, "POST /sign-in", "wrong-credentials")
    assert line.keys() == {"event", "level", "timestamp", "service", "module", "route", "status", "reason"}
    assert (await identity.http.post("/sign-in", json=body | {"email": known})).status_code == 401
    line = await eventually(lambda: [one for one in lines(identity, "refused") if "user_id" in one][-1:])
    assert who(line[0]) == {"user_id": partner["owner_id"], "partner_id": partner["partner_id"]}
    for text in (body["email"], known, "a wrong password"):
        assert text not in identity.log_text()


async def test_a_machine_that_signs_in_is_in_the_log_and_so_is_a_wrong_secret(platform: Platform) -> None:
    """E6: the id of one that is not proven to be there is only a text that somebody sent."""
    identity = await platform.service("identity", instance="refused")
    machine = await make(identity, await owner_of_new_partner(identity))
    assert (await token(identity, machine)).status_code == 200
    [line] = await eventually(lambda: lines(identity, "machine_signed_in"))
    assert line["machine"] == machine["client_id"]
    invented = unique("mch")
    wrong = {"client_id": invented, "client_secret": "wrong"}
    assert (await token(identity, wrong)).status_code == 401
    assert who(await refused(identity, "POST /token", "invalid-client")) == {}
    assert invented not in identity.log_text()


async def test_a_token_that_is_not_good_is_in_the_log_of_whatever_service(platform: Platform) -> None:
    """E6: which of the ways it is not good, and whose it was, if we signed it for him; none of what was asked."""
    identity = await platform.service("identity", instance="refused")
    contacts = await platform.service("contacts", instance="refused")
    tokens, partner, secret = contacts.tokens, unique("prt"), unique("per")
    past = datetime.now(UTC) - timedelta(hours=1)
    forged = tokens.sign(partner) + "x"
    expired = tokens.sign(partner, iat=past, exp=past)
    _, email = await new_partner(identity)
    revoked = await begin(identity, email)
    me = (await identity.http.get("/me", headers=bearer(revoked))).json()
    assert (await identity.http.delete("/sessions", headers=bearer(revoked))).status_code == 204
    for because, headers in (
        ("forged", {"Authorization": f"Bearer {forged}"}),
        ("expired", {"Authorization": f"Bearer {expired}"}),
        ("revoked", bearer(revoked)),
        ("no token", {}),
    ):

        async def told(because: str = because, headers: dict[str, str] = headers) -> list[Json]:
            await contacts.http.get(f"/persons/{secret}", headers=headers)
            return [one for one in lines(contacts, "refused") if one.get("because") == because]

        found: list[Json] = await eventually(told)
        line = found[-1]
        assert (line["route"], line["status"], line["reason"]) == ("GET /persons/{person_id}", 401, "not-signed-in")
        its = {"user_id": me["id"], "partner_id": me["partner_id"]} if because == "revoked" else {}
        assert who(line) == its, because
    for text in (secret, forged, expired, revoked["access_token"]):
        assert text not in contacts.log_text()


async def test_a_token_that_is_not_good_is_in_the_log_also_when_it_is_exchanged(platform: Platform) -> None:
    """E6: though OAuth has another answer for it."""
    identity = await platform.service("identity", instance="refused")
    forged = identity.tokens.sign(unique("prt")) + "x"
    form = {"grant_type": EXCHANGE, "audience": unique("prt"), "subject_token": forged}
    answer = await identity.http.post("/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    line = await refused(identity, "POST /token", "not-signed-in")
    assert (line["because"], who(line)) == ("forged", {})
    assert forged not in identity.log_text()


@pytest.mark.parametrize("acts", [False, True])
async def test_what_somebody_may_not_do_is_in_the_log(platform: Platform, acts: bool) -> None:
    """A5, E6: once, with who asked, and who acted for him."""
    await platform.service("identity", instance="refused")
    contacts, partner = await platform.service("contacts", instance="refused"), unique("prt")
    signs = contacts.tokens.acting if acts else contacts.tokens.headers
    headers = signs(partner, Permission.CONTACTS_READ)

    async def is_let_in() -> bool:
        return (await contacts.http.get("/persons", headers=headers)).status_code == 200

    await eventually(is_let_in)
    person = {"first_name": "Eve", "last_name": "Secret", "email": "eve@x.example.com"}
    assert (await contacts.http.post("/persons", json=person, headers=headers)).status_code == 403
    mine = await eventually(lambda: [one for one in lines(contacts, "refused") if one.get("partner_id") == partner])
    acting = {"actor_user_id": "usr_master", "actor_partner_id": "prt_master"} if acts else {}
    assert [who(one) for one in mine] == [{"user_id": "usr_test", "partner_id": partner, **acting}]
    assert (mine[0]["route"], mine[0]["reason"]) == ("POST /persons", "permission-missing")


async def test_a_flood_of_refusals_makes_few_lines(platform: Platform) -> None:
    """F4: and the line after it says how many were left out."""
    contacts = await platform.service("contacts", instance="flooded", REFUSALS_LOGGED_PER_SECOND="1")
    reader = contacts.tokens.headers(unique("prt"), Permission.CONTACTS_READ)
    for _ in range(5):
        await asyncio.gather(*(contacts.http.post("/persons", json={}, headers=reader) for _ in range(40)))

    async def is_told() -> bool:
        await contacts.http.post("/persons", json={}, headers=reader)
        return sum(1 + one.get("left_out", 0) for one in lines(contacts, "refused")) >= 200

    await eventually(is_told)
    assert len(lines(contacts, "refused")) < 50
