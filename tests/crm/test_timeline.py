"""The timeline (C13, D5): fed through Kafka, read over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.auth import Permission
from common.events import EventRef, MessageFailed, MessageSent, Recipient
from common.http import encode_cursor
from tests.support.eventually import eventually, unique
from tests.support.kafka_io import KafkaIO
from tests.support.platform import Platform, Service
from tests.support.tokens import Tokens

Json = dict[str, Any]

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
async def crm(platform: Platform) -> Service:
    return await platform.service("crm")


@pytest.fixture
def partner() -> str:
    return unique("prt")


@pytest.fixture
def auth(tokens: Tokens, partner: str) -> dict[str, str]:
    return tokens.headers(partner, Permission.CRM_READ, Permission.CRM_WRITE)


def outcome(partner: str, address: str = "anna@sklep.example", minute: int = 0, **changes: Any) -> dict[str, Any]:
    """What a sent and a failed message have in common."""
    return {
        "message_id": unique("msg"),
        "partner_id": partner,
        "kind": "order.created",
        "channel": "email",
        "recipient": Recipient(address=address, person_id="per_1", reasons=["holds the role manager"]),
        "subject": "New order A-1",
        "order_number": "A-1",
        "event": EventRef(source="/orders", id="e-1", time=NOON),
        "executed_at": NOON + timedelta(minutes=minute),
        "attempts": 1,
    } | changes


async def add_anna(crm: Service, auth: dict[str, str], email: str | None = "anna@sklep.example") -> str:
    record = {"kind": "person", "first_name": "Anna", "email": email}
    return (await crm.http.post("/records", json=record, headers=auth)).json()["id"]


async def read(crm: Service, auth: dict[str, str], path: str, **query: Any) -> list[Json]:
    """The entries of all pages of a timeline."""
    entries: list[Json] = []
    while True:
        answer = await crm.http.get(f"{path}/timeline", params=query, headers=auth)
        assert answer.status_code == 200, answer.text
        entries += answer.json()["items"]
        if answer.json()["next"] is None:
            return entries
        query["cursor"] = answer.json()["next"]


async def read_once_there(crm: Service, auth: dict[str, str], path: str, count: int) -> list[Json]:
    """The timeline once it has `count` entries."""

    async def enough() -> list[Json]:
        entries = await read(crm, auth, path)
        return entries if len(entries) >= count else []

    return await eventually(enough, what=f"{count} entries of {path}")


async def test_the_timeline_tells_what_was_sent_and_what_failed(
    crm: Service, kafka_io: KafkaIO, partner: str, auth: dict[str, str]
) -> None:
    """C13, D5: newest first, whatever the case of the address."""
    record = await add_anna(crm, auth)
    sent = MessageSent(**outcome(partner, "Anna@Sklep.example", 1), possible_duplicate=True)
    failed = MessageFailed(
        **outcome(partner, minute=2), reason="recipient_refused", provider_reply="550 5.1.1 no such mailbox"
    )
    await kafka_io.publish(sent, event_id=unique("e"))
    await kafka_io.publish(failed, event_id=unique("e"))
    newest, oldest = await read_once_there(crm, auth, f"/records/{record}", 2)
    assert (newest["outcome"], newest["provider_reply"]) == ("failed", "550 5.1.1 no such mailbox")
    assert (newest["message_id"], newest["at"]) == (failed.message_id, "2026-11-23T12:02:00Z")
    assert (oldest["outcome"], oldest["possible_duplicate"]) == ("sent", True)
    assert (oldest["kind"], oldest["channel"], oldest["subject"]) == ("order.created", "email", "New order A-1")
    assert (oldest["order_number"], oldest["person_id"]) == ("A-1", "per_1")


async def test_the_log_of_an_order_has_every_message_about_it(
    crm: Service, kafka_io: KafkaIO, partner: str, auth: dict[str, str]
) -> None:
    """B8: to whomever, and of a number with a slash."""
    for minute, (address, number) in enumerate([("a@x.example", "A/1"), ("b@x.example", "A/1"), ("a@x.example", "B")]):
        event = MessageSent(**outcome(partner, address, minute, order_number=number))
        await kafka_io.publish(event, event_id=unique("e"))
    entries = await read_once_there(crm, auth, "/orders/A/1", 2)
    assert [entry["address"] for entry in entries] == ["b@x.example", "a@x.example"]


async def test_the_log_of_an_order_has_the_digests_that_list_it(
    crm: Service, kafka_io: KafkaIO, partner: str, auth: dict[str, str]
) -> None:
    """B8: beside what is about the order alone."""
    single = MessageSent(**outcome(partner, minute=1, order_number="B"))
    digest = MessageSent(**outcome(partner, minute=2, order_number=None), order_numbers=["A/1", "B"])
    await kafka_io.publish_many([(unique("e"), single), (unique("e"), digest)])
    newest, oldest = await read_once_there(crm, auth, "/orders/B", 2)
    assert (newest["order_number"], newest["order_numbers"]) == (None, ["A/1", "B"])
    assert (oldest["order_number"], oldest["order_numbers"]) == ("B", [])
    assert [one["id"] for one in await read(crm, auth, "/orders/A/1")] == [newest["id"]]


async def test_a_replay_changes_nothing(crm: Service, kafka_io: KafkaIO, partner: str, auth: dict[str, str]) -> None:
    """F6: the same fact twice is one entry; a later fact about the same message is another."""
    record = await add_anna(crm, auth)
    message = outcome(partner)
    failed = MessageFailed(**message, reason="expired")
    await kafka_io.publish_many([("fact-1" + partner, failed)] * 3)
    await kafka_io.publish(failed, event_id="fact-1" + partner)
    message["executed_at"] = NOON + timedelta(hours=1)
    resent = MessageSent(**message)
    await kafka_io.publish(resent, event_id="fact-2" + partner)
    # The two topics are read side by side: a last fact of each says that what stands before it was read.
    last = outcome(partner, order_number="last")
    await kafka_io.publish(MessageFailed(**last, reason="expired"), event_id=unique("e"))
    await kafka_io.publish(MessageSent(**last), event_id=unique("e"))
    await read_once_there(crm, auth, "/orders/last", 2)
    about = [entry for entry in await read(crm, auth, f"/records/{record}") if entry["order_number"] != "last"]
    assert [entry["outcome"] for entry in about] == ["sent", "failed"]


async def test_another_partner_sees_nothing_of_it(
    crm: Service, kafka_io: KafkaIO, tokens: Tokens, partner: str, auth: dict[str, str]
) -> None:
    """F1: the same address and the same order number are another's with another partner."""
    await kafka_io.publish(MessageSent(**outcome(partner)), event_id=unique("e"))
    await read_once_there(crm, auth, "/orders/A-1", 1)
    stranger = tokens.headers(unique("prt"), Permission.CRM_READ, Permission.CRM_WRITE)
    theirs = await add_anna(crm, stranger)
    assert await read(crm, stranger, f"/records/{theirs}") == []
    assert await read(crm, stranger, "/orders/A-1") == []


async def test_pages_go_through_entries_of_the_same_moment(
    crm: Service, kafka_io: KafkaIO, partner: str, auth: dict[str, str]
) -> None:
    """C13: a campaign writes many at once; none is shown twice or left out."""
    record = await add_anna(crm, auth)
    events = [MessageSent(**outcome(partner, minute=number // 4)) for number in range(11)]
    await kafka_io.publish_many([(unique("e"), event) for event in events])
    await read_once_there(crm, auth, f"/records/{record}", 11)
    entries = await read(crm, auth, f"/records/{record}", limit=2)
    assert sorted(entry["message_id"] for entry in entries) == sorted(event.message_id for event in events)
    times = [entry["at"] for entry in entries]
    assert times == sorted(times, reverse=True)


async def test_a_record_without_an_email_has_an_empty_timeline(crm: Service, auth: dict[str, str]) -> None:
    """D5."""
    assert await read(crm, auth, f"/records/{await add_anna(crm, auth, email=None)}") == []


@pytest.mark.parametrize(
    "position",
    [[], [1, 2], ["2026-11-23"], ["yesterday", "id"], [None, None], ["0001-01-01T00:00:00+23:59", "id"]],
)
async def test_a_made_up_cursor_is_refused(crm: Service, auth: dict[str, str], position: list[Any]) -> None:
    """C13: it is the caller's mistake, not ours."""
    cursor = encode_cursor(position)
    answer = await crm.http.get("/orders/A-1/timeline", params={"cursor": cursor}, headers=auth)
    assert answer.status_code == 422


async def test_nothing_is_lost_or_doubled_when_the_reader_is_killed(platform: Platform) -> None:
    """F6: SIGKILL in the middle of a topic, twice; batches are small so that there is a middle."""
    crm = await platform.service("crm", instance="crm-killed", KAFKA_BATCH="5")
    partner = unique("prt")
    auth = crm.tokens.headers(partner, Permission.CRM_READ)
    events = [MessageSent(**outcome(partner, minute=number)) for number in range(1_000)]
    await crm.io.publish_many([(unique("e"), event) for event in events])
    for share in (10, 300):

        async def has_read(share: int = share) -> bool:
            return await crm.database["timeline"].count_documents({}) >= share

        await eventually(has_read, timeout=30, what=f"{share} entries")
        crm.kill()
        assert await crm.database["timeline"].count_documents({}) < len(events), "it was killed too late"
        await crm.start(wait=False)

    async def is_done() -> bool:
        return await crm.database["timeline"].count_documents({}) == len(events)

    await eventually(is_done, timeout=60, what="every entry")
    await crm.ready()
    entries = await read(crm, auth, "/orders/A-1", limit=200)
    assert [entry["message_id"] for entry in entries] == [event.message_id for event in reversed(events)]
