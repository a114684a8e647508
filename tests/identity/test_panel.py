"""A master user's panel: the own account, and every client that gave access (E3)."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from common.mongo import Document
from identity.connections.domain import client_key, connection_id
from tests.identity.entering import SCOPE, Master, connected, new_client, new_master, switch
from tests.support.eventually import eventually
from tests.support.platform import Platform

MANY = 10_000


async def test_the_panel_shows_the_own_account_and_whoever_gave_access(platform: Platform) -> None:
    """E3, E4: not who is only connected; with scope, end, and as whom one acts."""
    identity = await platform.service("identity")
    master, client = await connected(identity)
    silent = await new_client(identity)
    await switch(identity, f"/partners/{master.partner_id}/clients/{silent.id}", True)
    panel = await master.sees()
    assert panel["own"] == {"partner_id": master.partner_id, "name": "Implementer"}
    [seen] = panel["items"]
    given = (await client.gives(master.partner_id)).json()["access"]
    assert (seen["client_id"], seen["name"], seen["may"]) == (client.id, "Client", "may_enter")
    assert (seen["permissions"], seen["user_id"], seen["entry"]) == (sorted(SCOPE), given["user_id"], None)
    assert seen["until"] < given["until"]


async def test_the_panel_is_for_master_users(platform: Platform) -> None:
    """E1, E2, E3: marked, of a partner whose master users staff allowed."""
    identity = await platform.service("identity")
    master = await new_master(identity)
    assert (await identity.http.get("/panel", headers=master.owner)).status_code == 403
    await switch(identity, f"/partners/{master.partner_id}/masters", False)
    answer = await identity.http.get("/panel", headers=master.headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "not-a-master")


async def test_the_panel_says_what_one_may_do(platform: Platform) -> None:
    """E3: enter, ask, nothing because it is over, nothing because staff said so."""
    identity = await platform.service("identity")
    master, client = await connected(identity)

    async def seen() -> tuple[str, str | None]:
        [one] = (await master.sees())["items"]
        return one["may"], one["entry"] and one["entry"]["state"]

    await master.enters(client.id)
    assert await seen() == ("may_enter", "running")
    await identity.http.delete(f"/panel/{client.id}/entry", headers=master.headers)
    await client.gives(master.partner_id, confirm_each=True)
    assert await seen() == ("needs_confirmation", None)
    entry = await master.asks(client.id)
    assert await seen() == ("needs_confirmation", "requested")
    await identity.http.post(f"/entries/{entry['id']}/confirm", headers=client.owner)
    assert await seen() == ("may_enter", "confirmed")
    await client.gives(master.partner_id, until=(datetime.now(UTC) + timedelta(seconds=0.5)).isoformat())

    async def ended() -> bool:
        return await seen() == ("ended", None)

    await eventually(ended)
    await switch(identity, f"/partners/{master.partner_id}/clients/{client.id}", False)
    assert await seen() == ("switched_off", None)


async def give_many(master: Master) -> list[str]:
    """Names of ten thousand clients that gave access, in order."""
    names = [f"{('Łąka', 'Żabka', 'Ábel', 'zoo')[number % 4]} {number:05}" for number in range(MANY)]

    def document(number: int) -> Document:
        client_id = f"prt_{number:05}"
        access: dict[str, Any] = {"user_id": f"usr_{number}", "permissions": SCOPE, "confirm_each": False}
        access |= {"until": datetime(2100, 1, 1, tzinfo=UTC), "given_by": "usr_1", "given_at": datetime.now(UTC)}
        return {
            "_id": connection_id(master.partner_id, client_id),
            "partner_id": client_id,
            "client_name": names[number],
            "client_key": client_key(names[number], client_id),
            "client_version": 1,
            "entered_by": master.partner_id,
            "partner_name": "Implementer",
            "partner_version": 1,
            "is_on": True,
            "access": access,
        }

    await master.identity.database["connections"].insert_many([document(number) for number in range(MANY)])
    return names


async def test_ten_thousand_clients_are_searched_and_paged(platform: Platform) -> None:
    """E3: by part of the name, as it is typed on any keyboard; each page as quick as the first."""
    identity = await platform.service("identity")
    master = await new_master(identity)
    names = await give_many(master)
    took: list[float] = []

    async def page(**params: Any) -> dict[str, Any]:
        began = time.monotonic()
        found = await master.sees(**params)
        took.append(time.monotonic() - began)
        return found

    await page()
    seen: list[str] = []
    cursor: str | None = None
    while cursor is not None or not seen:
        part = await page(limit=200, **({"cursor": cursor} if cursor else {}))
        seen += [one["name"] for one in part["items"]]
        cursor = part["next"]
    assert len(seen) == len(set(seen)) == MANY
    assert [name[0] for name in (seen[0], seen[2500], seen[5000], seen[7500])] == ["Á", "Ł", "Ż", "z"]
    for typed, found in (("laka", "Łąka"), ("ŻABKA 0000", "Żabka"), ("abel", "Ábel"), ("zoo 0", "zoo")):
        assert {one["name"].split()[0] for one in (await page(q=typed))["items"]} == {found}
    assert [one["name"] for one in (await page(q="09999"))["items"]] == [names[9999]]
    for nothing in ("prt_0", ".*", "[", "\\", "x"):
        assert (await page(q=nothing))["items"] == [], nothing
    print(f"first page {took[0] * 1000:.0f} ms, the slowest of {len(took)} {max(took) * 1000:.0f} ms")
    assert sorted(took)[len(took) // 2] < 0.5
