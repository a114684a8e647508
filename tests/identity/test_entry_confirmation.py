"""Four eyes: the client confirms each entry (E4)."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.identity.entering import Client, claims, connected
from tests.identity.test_permissions import add_user
from tests.identity.test_revocation import until_refused
from tests.identity.test_sessions import bearer, begin
from tests.support.eventually import eventually
from tests.support.platform import Platform


async def says(client: Client, entry: dict[str, Any], what: str, by: dict[str, str] | None = None) -> httpx.Response:
    return await client.identity.http.post(f"/entries/{entry['id']}/{what}", headers=by or client.owner)


async def test_nobody_enters_before_the_client_confirmed(platform: Platform) -> None:
    """E4: and then as often as it takes, until the entry is over."""
    identity = await platform.service("identity")
    master, client = await connected(identity, confirm_each=True)
    early = await master.exchange(client.id)
    assert (early.status_code, early.json()["type"].rpartition("/")[2]) == (400, "confirmation-needed")
    entry = await master.asks(client.id)
    assert (await master.asks(client.id))["id"] == entry["id"]
    assert (await master.exchange(client.id)).json()["error"] == "invalid_target"
    assert [one["state"] for one in await client.entries(only_open=True)] == ["requested"]
    confirmed = (await says(client, entry, "confirm")).json()
    assert (confirmed["state"], confirmed["decided_by"]) == ("confirmed", client.owner_id)
    first, tokens = await master.enters(client.id), await master.enters(client.id)
    assert claims(first)["sid"] == claims(tokens)["sid"] == entry["id"]
    await identity.http.post("/entry/leave", json={}, headers=bearer(tokens))
    assert (await master.exchange(client.id)).status_code == 400


async def test_a_refused_entry_is_asked_for_anew(platform: Platform) -> None:
    """E4."""
    identity = await platform.service("identity")
    master, client = await connected(identity, confirm_each=True)
    entry = await master.asks(client.id)
    assert (await says(client, entry, "refuse")).json()["state"] == "refused"
    assert (await master.exchange(client.id)).status_code == 400
    assert (await says(client, entry, "confirm")).status_code == 409
    assert (await master.asks(client.id))["id"] != entry["id"]


async def test_of_two_administrators_the_first_decides(platform: Platform) -> None:
    """E4: the other one hears that it is decided."""
    identity = await platform.service("identity")
    master, client = await connected(identity, confirm_each=True)
    _, email = await add_user(identity, client.owner, permissions=["entries:write"])
    other = bearer(await begin(identity, email))
    for _ in range(5):
        entry = await master.asks(client.id)
        answers = await asyncio.gather(says(client, entry, "confirm"), says(client, entry, "refuse", other))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        [decided] = [answer.json()["state"] for answer in answers if answer.status_code == 200]
        assert (await client.state())[0] == decided
        await identity.http.delete(f"/panel/{client.id}/entry", headers=master.headers)


async def test_a_request_that_nobody_answers_is_over(platform: Platform) -> None:
    """E4: so is a confirmation that nobody uses."""
    identity = await platform.service("identity", instance="patience", ENTRY_CONFIRMATION_HOURS=str(0.5 / 3600))
    master, client = await connected(identity, confirm_each=True)

    async def over() -> bool:
        return await client.state() == ("ended", "time")

    entry = await master.asks(client.id)
    await eventually(over)
    assert (await says(client, entry, "confirm")).status_code == 409
    entry = await master.asks(client.id)
    assert (await says(client, entry, "confirm")).status_code == 200
    await eventually(over)
    assert (await master.exchange(client.id)).status_code == 400


async def test_whoever_wants_to_confirm_from_now_on_ends_what_was_not_confirmed(platform: Platform) -> None:
    """E4, E6."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    await client.gives(master.partner_id, confirm_each=True)
    await until_refused([identity], tokens)
    assert await client.state() == ("ended", "access")


async def test_whoever_asked_just_enters_once_nobody_wants_to_confirm(platform: Platform) -> None:
    """E4: the request becomes the entry."""
    identity = await platform.service("identity")
    master, client = await connected(identity, confirm_each=True)
    entry = await master.asks(client.id)
    await client.gives(master.partner_id, confirm_each=False)
    assert claims(await master.enters(client.id))["sid"] == entry["id"]
    assert [one["state"] for one in await client.entries()] == ["running"]


async def test_nobody_asks_where_it_is_not_needed_or_not_possible(platform: Platform) -> None:
    """E4: and nobody but the client's administrators decides."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    needless = await identity.http.post(f"/panel/{client.id}/request", headers=master.headers)
    assert (needless.status_code, needless.json()["type"].rpartition("/")[2]) == (409, "no-confirmation-needed")
    assert (await identity.http.post("/panel/prt_x/request", headers=master.headers)).status_code == 404
    assert (await identity.http.post(f"/panel/{client.id}/request", headers=master.owner)).status_code == 403
    await client.gives(master.partner_id, confirm_each=True)
    entry = await master.asks(client.id)
    assert (await says(client, entry, "confirm", master.owner)).status_code == 404
    _, email = await add_user(identity, client.owner, permissions=["entries:read"])
    assert (await says(client, entry, "confirm", bearer(await begin(identity, email)))).status_code == 403


@pytest.mark.parametrize("who", ["master", "partner"])
async def test_a_request_can_be_taken_back(platform: Platform, who: str) -> None:
    """E4."""
    identity = await platform.service("identity")
    master, client = await connected(identity, confirm_each=True)
    entry = await master.asks(client.id)
    url = f"/panel/{client.id}/entry" if who == "master" else f"/entries/{entry['id']}"
    by = master.headers if who == "master" else master.owner
    assert (await identity.http.delete(url, headers=by)).status_code == 204
    assert await client.state() == ("ended", "left" if who == "master" else "partner")
    assert (await says(client, entry, "confirm")).status_code == 409
