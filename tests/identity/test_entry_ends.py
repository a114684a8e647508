"""Whatever ends an entry ends it at once, in all five services (E1, E6)."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.events import AccessRevoked
from tests.identity.entering import SCOPE, Client, Headers, Master, claims, connected, staff, switch
from tests.identity.test_revocation import WHILE_ACTING, WITHIN_SECONDS, all_five, statuses, until_refused
from tests.identity.test_sessions import bearer, begin
from tests.support.eventually import eventually
from tests.support.platform import Platform, Service

Cause = Callable[[Master, Client], Awaitable[Any]]


def _put(url: str, on: bool, by: Callable[[Master], Headers]) -> Cause:
    async def put(master: Master, client: Client) -> None:
        path = url.format(partner=master.partner_id, client=client.id, user=master.user_id)
        await switch(master.identity, path, on, by(master))

    return put


def _delete(url: str, by: Callable[[Master, Client], Headers]) -> Cause:
    async def delete(master: Master, client: Client) -> None:
        entry = (await client.entries())[0]["id"]
        path = url.format(partner=master.partner_id, client=client.id, user=master.user_id, entry=entry)
        answer = await master.identity.http.delete(path, headers=by(master, client))
        assert answer.status_code == 204, answer.text

    return delete


async def _soon_over(master: Master, client: Client) -> None:
    await client.gives(master.partner_id, until=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())


async def _requires_second_factor(master: Master, client: Client) -> None:
    change = {"second_factor_required": True}
    assert (await master.identity.http.patch("/partner", json=change, headers=master.owner)).status_code == 200


CAUSES: dict[str, tuple[str, Cause]] = {
    "the client ends the entry": ("client", _delete("/entries/{entry}", lambda _, client: client.owner)),
    "the client takes access away": ("access", _delete("/partner-access/{partner}", lambda _, client: client.owner)),
    "the client gives less": ("access", lambda master, client: client.gives(master.partner_id, permissions=SCOPE[:2])),
    "the access is over": ("access", _soon_over),
    "the partner ends the entry": ("partner", _delete("/entries/{entry}", lambda master, _: master.owner)),
    "the partner takes the mark": ("master", _put("/users/{user}/master", False, lambda master: master.owner)),
    "the partner deletes the user": ("master", _delete("/users/{user}", lambda master, _: master.owner)),
    "the master ends it": ("left", _delete("/panel/{client}/entry", lambda master, _: master.headers)),
    "the master signs out": ("session", _delete("/sessions", lambda master, _: master.headers)),
    "the partner requires a second factor": ("session", _requires_second_factor),
    "staff part the two": (
        "staff",
        _put("/partners/{partner}/clients/{client}", False, lambda master: staff(master.identity)),
    ),
    "staff allow no masters": ("staff", _put("/partners/{partner}/masters", False, lambda it: staff(it.identity))),
}


@pytest.mark.parametrize("name", CAUSES)
async def test_it_is_refused_everywhere_within_five_seconds(platform: Platform, name: str) -> None:
    """E1, E6: and the client sees that it ended, and why."""
    services = await all_five(platform)
    master, client = await connected(services[0])
    tokens = await master.enters(client.id)
    assert await statuses(services, tokens, WHILE_ACTING) == {200}
    because, cause = CAUSES[name]
    await cause(master, client)
    took = await until_refused(services, tokens)
    print(f"{name}: refused by all five after {took:.3f} s")
    assert took < WITHIN_SECONDS

    async def seen() -> bool:
        return await client.state() == ("ended", because)

    await eventually(seen)


async def test_signing_out_of_one_browser_ends_what_was_entered_there_alone(platform: Platform) -> None:
    """E6: each session enters for itself, so that its end leaves none of its tokens behind."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    here, there = await begin(identity, master.email), await begin(identity, master.email)
    left, stays = [(await master.exchange(client.id, own["access_token"])).json() for own in (here, there)]
    assert claims(left)["sid"] != claims(stays)["sid"]
    await identity.http.delete(f"/sessions/{claims(here)['sid']}", headers=master.headers)
    await until_refused([identity], left)
    assert (await identity.http.get("/entry", headers=bearer(stays))).status_code == 200
    assert [one["because"] for one in await client.entries()] == [None, "session"]


async def test_a_change_that_still_covers_an_entry_leaves_it_alone(platform: Platform) -> None:
    """E6: nobody is thrown out without need."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    tokens = await master.enters(client.id, scope="crm:read")
    other = await master.enters(client.id, scope="outbox:read")
    await client.gives(master.partner_id, permissions=["crm:read", "outbox:read"])
    await identity.http.patch(f"/users/{master.user_id}", json={"name": "New"}, headers=master.owner)
    last = await master.enters(client.id)
    [entry] = await client.entries()
    assert {claims(one)["sid"] for one in (tokens, other, last)} == {entry["id"]}
    assert entry["state"] == "running"


async def test_an_entry_that_nobody_renews_is_over(platform: Platform) -> None:
    """E5: with its token; and the next one is another entry."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    entry = claims(await master.enters(client.id))["sid"]
    past = {"$set": {"ends_at": datetime.now(UTC)}}
    await identity.database["entries"].update_one({"_id": entry}, past)
    assert claims(await master.enters(client.id))["sid"] != entry
    assert [one["because"] for one in await client.entries()] == [None, "time"]


async def test_what_was_switched_off_is_published_though_the_process_was_killed(platform: Platform) -> None:
    """E1, E6, F6: the switch is one write, and whatever has to follow from it follows from what is written."""
    identity = await platform.service("identity", instance="killed-entry")
    contacts = await platform.service("contacts", instance="killed-entry")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    assert (await contacts.http.get("/roles", headers=bearer(tokens))).status_code == 200
    identity.kill()
    await identity.database["connections"].update_one({"entered_by": master.partner_id}, {"$set": {"is_on": False}})
    await identity.start()
    revoked = identity.io.follow(AccessRevoked)
    await revoked.wait_for(lambda event: event.data.subject == claims(tokens)["sid"])
    await until_refused([contacts], tokens)


async def test_access_that_was_given_anew_is_another(platform: Platform) -> None:
    """E4, E6: also where nobody looked between taking and giving, as the process was away."""
    identity = await platform.service("identity", instance="killed-entry")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    identity.kill()
    given_anew = {"$set": {"access.user_id": "usr_another"}}
    await identity.database["connections"].update_one({"entered_by": master.partner_id}, given_anew)
    await identity.start()
    await until_refused([identity], tokens)
    assert claims(await master.enters(client.id))["sub"] == "usr_another"


async def test_an_end_that_was_written_is_published_though_the_process_was_killed(platform: Platform) -> None:
    """E6, F6: an end and its announcement are one write."""
    identity = await platform.service("identity", instance="killed-entry")
    contacts = await platform.service("contacts", instance="killed-entry")
    master, client = await connected(identity)
    tokens = await master.enters(client.id)
    identity.kill()
    end = {"$set": {"state": "ended", "is_open": False, "announce": True}, "$inc": {"version": 1}}
    await identity.database["entries"].update_one({"_id": claims(tokens)["sid"]}, end)
    await identity.start()
    await until_refused([contacts], tokens)


async def test_what_was_over_long_ago_is_forgotten(platform: Platform) -> None:
    """E6: an entry after `ENTRIES_KEPT_DAYS`, one that goes on never; a code that nobody used at once."""
    identity = await platform.service("identity", instance="forget", ENTRY_CODE_SECONDS="0.05")
    master, client = await connected(identity)
    old = claims(await master.enters(client.id))["sid"]
    await identity.http.delete(f"/entries/{old}", headers=client.owner)
    running = claims(await master.enters(client.id))["sid"]
    await master.code(client.id)
    await identity.stop()
    long_ago = {"$set": {"at": datetime.now(UTC) - timedelta(days=401)}}
    await identity.database["entries"].update_many({}, long_ago)
    await identity.start()

    async def forgotten() -> bool:
        kept = await identity.database["entries"].find().to_list()
        codes = await identity.database["entry_codes"].count_documents({})
        return [one["_id"] for one in kept] == [running] and codes == 0

    await eventually(forgotten)


async def _without_access(services: list[Service], master: Master, client: Client) -> None:
    """Several enter while access is taken."""
    url = f"/partner-access/{master.partner_id}"
    answers = await asyncio.gather(
        *(master.exchange(client.id) for _ in range(5)),
        services[0].http.delete(url, headers=client.owner),
        *(master.exchange(client.id) for _ in range(5)),
    )
    for answer in answers:
        if answer.status_code == 200:
            await until_refused(services, answer.json())
    assert await client.entries(only_open=True) == []


async def test_nobody_slips_in_while_access_is_taken(platform: Platform) -> None:
    """E6: an entry that began a moment before, or at the same moment, is over like any other."""
    identity = await platform.service("identity")
    services = [identity, await platform.service("contacts")]
    for _ in range(3):
        master, client = await connected(identity)
        await master.enters(client.id)
        await _without_access(services, master, client)


async def test_nobody_slips_in_while_an_entry_is_ended(platform: Platform) -> None:
    """E6: tokens of the ended entry are refused; one that was got later is of a new entry."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    for _ in range(5):
        entry = claims(await master.enters(client.id))["sid"]
        answers = await asyncio.gather(
            *(master.exchange(client.id) for _ in range(3)),
            identity.http.delete(f"/entries/{entry}", headers=client.owner),
            *(master.exchange(client.id) for _ in range(3)),
        )
        for answer in answers:
            if answer.status_code == 200 and claims(answer.json())["sid"] == entry:
                await until_refused([identity], answer.json())
        open_now = {one["id"] for one in await client.entries(only_open=True)}
        assert entry not in open_now
        assert len(open_now) <= 1
