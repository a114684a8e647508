"""Addresses that a mail server refused for good, shown on the person until edited or confirmed (A8)."""

from datetime import UTC, datetime
from typing import Any

from common.events import ContactChanged, EventRef, MessageFailed, Recipient
from tests.support.eventually import eventually, unique
from tests.support.platform import Platform, Service

WORDS = "550 5.1.1 no such mailbox"


async def add(contacts: Service, partner: str, email: str) -> dict[str, Any]:
    person = {"first_name": "Ann", "last_name": "Bee", "email": email, "roles": ["sales"]}
    return (await contacts.http.post("/persons", json=person, headers=contacts.tokens.headers(partner))).json()


async def read(contacts: Service, partner: str, person: dict[str, Any]) -> dict[str, Any]:
    return (await contacts.http.get(f"/persons/{person['id']}", headers=contacts.tokens.headers(partner))).json()


def failure(partner: str, address: str, **changes: Any) -> MessageFailed:
    now = datetime.now(UTC)
    fields: dict[str, Any] = {
        "message_id": unique("msg"),
        "partner_id": partner,
        "kind": "order.created",
        "channel": "email",
        "recipient": Recipient(address=address, reasons=["holds the role sales"]),
        "event": EventRef(source="/test", id="e", time=now),
        "executed_at": now,
        "attempts": 1,
        "reason": "recipient_refused",
        "provider_reply": WORDS,
    }
    return MessageFailed(**(fields | changes))


async def tell(platform: Platform, *failures: MessageFailed) -> None:
    await platform.io.publish_many([(one.message_id, one) for one in failures], source="/outbox")


async def refused(contacts: Service, partner: str, person: dict[str, Any]) -> dict[str, Any]:
    """The person once it is known that his address was refused."""

    async def is_known() -> dict[str, Any]:
        found = await read(contacts, partner, person)
        return found if found["undeliverable"] else {}

    return await eventually(is_known)


async def test_a_refused_address_is_shown_with_the_servers_words_and_everybody_hears_of_it(platform: Platform) -> None:
    """A8."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    person = await add(contacts, partner, "Ann@x.example.com")
    await tell(platform, failure(partner, "ann@X.example.com"))
    found = await refused(contacts, partner, person)
    assert (found["undeliverable"]["words"], found["version"]) == (WORDS, 2)
    mine = platform.io.follow(ContactChanged)
    [event] = await mine.wait_for(lambda e: e.data.person_id == person["id"] and e.data.version == 2)
    assert event.data.undeliverable == WORDS
    headers = platform.tokens.headers(partner)
    [last, _] = (await contacts.http.get(f"/persons/{person['id']}/history", headers=headers)).json()
    assert (last["by"], last["action"]) == ("platform", "undeliverable")


async def test_an_edited_or_confirmed_address_is_good_again(platform: Platform) -> None:
    """A8: an edit of something else does not help; a refusal from before changes nothing when it is read again."""
    contacts, partner = await platform.service("contacts"), unique("prt")
    headers = platform.tokens.headers(partner)
    edited, confirmed = await add(contacts, partner, "a@x.example.com"), await add(contacts, partner, "b@x.example.com")
    failures = failure(partner, "a@x.example.com"), failure(partner, "b@x.example.com")
    await tell(platform, *failures)
    for person in (edited, confirmed):
        await refused(contacts, partner, person)
        same = await contacts.http.patch(f"/persons/{person['id']}", json={"last_name": "New"}, headers=headers)
        assert same.json()["undeliverable"]["words"] == WORDS
    url = f"/persons/{edited['id']}"
    assert (await contacts.http.patch(url, json={"email": "c@x.example.com"}, headers=headers)).json()[
        "undeliverable"
    ] is None
    assert (await contacts.http.patch(url, json={"email": "a@x.example.com"}, headers=headers)).status_code == 200
    url = f"/persons/{confirmed['id']}/confirm-email"
    assert (await contacts.http.post(url, headers=headers)).json()["undeliverable"] is None
    mark = await add(contacts, partner, "mark@x.example.com")
    await tell(platform, *failures, failure(partner, "mark@x.example.com"))
    await refused(contacts, partner, mark)
    for person in (edited, confirmed):
        assert (await read(contacts, partner, person))["undeliverable"] is None
    await tell(platform, failure(partner, "b@x.example.com"))
    await refused(contacts, partner, confirmed)


async def test_only_a_refusal_of_the_address_marks_it_and_only_at_its_partner(platform: Platform) -> None:
    """A8."""
    contacts, partner, other = await platform.service("contacts"), unique("prt"), unique("prt")
    person, theirs = await add(contacts, partner, "a@x.example.com"), await add(contacts, other, "a@x.example.com")
    mark = await add(contacts, other, "mark@x.example.com")
    for reason in ("message_refused", "account_refused", "expired"):
        await tell(platform, failure(partner, "a@x.example.com", reason=reason))
    await tell(platform, failure(other, "mark@x.example.com"), failure(partner, "mark@x.example.com"))
    await refused(contacts, other, mark)
    await tell(platform, failure(other, "A@x.example.com"))
    await refused(contacts, other, theirs)
    assert (await read(contacts, partner, person))["undeliverable"] is None
