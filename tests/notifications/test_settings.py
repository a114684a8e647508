"""Who receives what, as people set it (A5, A6, A9)."""

import pytest
from httpx import Response

from common.auth import Permission
from common.events import MessageRequested, OrderCreated
from tests.support.eventually import unique
from tests.support.partners import announce_partner
from tests.support.platform import Platform


async def test_a_kind_has_roles_and_addresses_and_goes_back_to_its_default(platform: Platform) -> None:
    """A6."""
    service, partner = await platform.service("notifications"), unique("prt")
    headers = platform.tokens.headers(partner)
    entries = [{"role": "sales"}, {"email": "Ann@x.example.com"}, {"email": "ann@X.example.com"}, {"role": "sales"}]
    put = await service.http.put("/settings/order.created", json={"recipients": entries}, headers=headers)
    assert put.status_code == 200
    assert len(put.json()["recipients"]) == 2
    assert (put.json()["is_default"], put.json()["unheld_roles"]) == (False, ["sales"])
    assert (await service.http.delete("/settings/order.created", headers=headers)).status_code == 204
    back = (await service.http.get("/settings/order.created", headers=headers)).json()
    assert (back["is_default"], back["recipients"][0]["role"]) == (True, "manager")


@pytest.mark.parametrize(
    ("recipients", "place"),
    [
        ([], "body/recipients"),
        ([{"role": "sales"}, {"role": "king"}], "body/recipients/1/role"),
        ([{"email": "no address"}], "body/recipients/0/email"),
        ([{"email": "a@b.example.com\r\nBcc: c@d.example.com"}], "body/recipients/0/email"),
        ([{"role": "sales", "email": "a@x.example.com"}], "body/recipients/0"),
        ([{}], "body/recipients/0"),
    ],
)
async def test_a_bad_entry_is_refused_with_its_place(
    platform: Platform, recipients: list[dict[str, str]], place: str
) -> None:
    """A6."""
    service, headers = await platform.service("notifications"), platform.tokens.headers(unique("prt"))
    answer = await service.http.put("/settings/order.created", json={"recipients": recipients}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, place)
    assert (await service.http.get("/settings/order.created", headers=headers)).json()["is_default"]


async def test_eleven_entries_are_too_many(platform: Platform) -> None:
    """A6."""
    service, headers = await platform.service("notifications"), platform.tokens.headers(unique("prt"))
    entries = [{"email": f"{i}@x.example.com"} for i in range(11)]
    answer = await service.http.put("/settings/order.created", json={"recipients": entries}, headers=headers)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (422, "too-many-entries")


async def test_only_whoever_may_changes_settings(platform: Platform) -> None:
    """A5."""
    service = await platform.service("notifications")
    body = {"recipients": [{"role": "sales"}]}
    headers = platform.tokens.headers("prt_x", Permission.NOTIFICATIONS_READ)
    answer = await service.http.put("/settings/order.created", json=body, headers=headers)
    assert (answer.status_code, answer.json()["permission"]) == (403, "notifications:write")
    assert (await service.http.get("/settings")).status_code == 401


async def test_settings_and_events_are_the_partners_own(platform: Platform) -> None:
    service, mine, theirs = await platform.service("notifications"), unique("prt"), unique("prt")
    body = {"recipients": [{"email": "secret@x.example.com"}]}
    await service.http.put("/settings/order.created", json=body, headers=platform.tokens.headers(theirs))
    answer = await service.http.get("/settings", headers=platform.tokens.headers(mine))
    assert "secret@x.example.com" not in answer.text


async def test_what_became_of_another_partners_event_is_as_unknown_as_what_never_was(platform: Platform) -> None:
    service, io = await platform.service("notifications"), platform.io
    mine, theirs, event_id = unique("prt"), await announce_partner(io), unique("e")
    await io.publish(OrderCreated(partner_id=theirs, order_number="1"), event_id=event_id)
    await io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == theirs)

    async def ask(partner: str, event_id: str) -> Response:
        query = {"source": "/test", "id": event_id}
        return await service.http.get("/events", params=query, headers=platform.tokens.headers(partner))

    assert (await ask(theirs, event_id)).json()["kinds"][0]["status"] == "decided"
    foreign, unknown = await ask(mine, event_id), await ask(mine, unique("e"))
    assert (foreign.status_code, foreign.json()) == (404, unknown.json())


async def test_a_dry_run_of_another_partners_data_speaks_of_the_own(platform: Platform) -> None:
    """A9: `partner_id` in the sample is always the caller's."""
    service, mine = await platform.service("notifications"), await announce_partner(platform.io)
    sample = {"partner_id": "prt_other", "order_number": "1", "total": "not a number"}
    headers = platform.tokens.headers(mine)
    bad = await service.http.post("/kinds/order.created/dry-run", json=sample, headers=headers)
    assert (bad.status_code, bad.json()["errors"][0]["place"]) == (422, "total")
    unknown = await service.http.post("/kinds/return.opened/dry-run", json={}, headers=headers)
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("sample", "place"),
    [
        ({"order_number": "1", "lines": [{"name": "x", "quantity": "2"}]}, "lines/0/quantity"),
        ({"order_number": "1", "placed_at": 5}, "placed_at"),
        ({}, "order_number"),
    ],
)
async def test_a_dry_run_refuses_what_would_be_a_dead_letter(platform: Platform, sample: object, place: str) -> None:
    """A9: a sample is read as strictly as an event is."""
    service, headers = await platform.service("notifications"), platform.tokens.headers(unique("prt"))
    answer = await service.http.post("/kinds/order.created/dry-run", json=sample, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, place)
