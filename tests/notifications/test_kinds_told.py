"""A kind that staff wrote is told as if it had always been there (A6, A7): its topic, words, people and replicas."""

from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.events import MessageRequested, OrderCreated
from notifications.kinds.domain import Words
from notifications.kinds.schemas import KindFields
from outbox.mime import Mail, compose
from tests.notifications.returns import BODY, KIND, TOPIC, define, defined, opened, read, told
from tests.notifications.steps import listed, tells
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import sender_account
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform, Service


async def returns(platform: Platform) -> Service:
    """Notifications with the kind, on topics of these tests' own."""
    service = await platform.service("notifications", instance="returns")
    await defined(service)
    return service


async def told_to(service: Service, language: str = "en", phone: str | None = None) -> tuple[str, str]:
    """(a new partner with a manager and somebody for returns, the address of the latter)."""
    partner = await announce_partner(service.io, language=language)
    await announce_person(service.io, partner, "manager")
    rita = await announce_person(service.io, partner, "rma", phone=phone)
    await tells(service, partner, ("email", rita.email), kind=KIND)
    return partner, rita.email


async def test_a_new_kind_is_told_to_its_role_in_its_words(platform: Platform) -> None:
    """A6, A7, A9: published by somebody who knows nothing of us; html escapes what he wrote."""
    service = await returns(platform)
    partner, rita = await told_to(service)
    number, reason = "PL/2026/7", '<img src=x onerror="alert(1)"> & more'
    await opened(service, partner, event_id := unique("e"), order={"number": number}, reason=reason)
    [message] = await told(service, event_id)
    assert (message.kind, message.channel, message.priority) == (KIND, "email", 2)
    assert (message.recipient.address, message.recipient.reasons) == (rita, ["holds the role rma"])
    assert message.order_number == number
    assert message.content.subject == f"Zwrot zamówienia {number}"
    assert message.content.text == f"Zwrot do firmy Company {partner}. Powód: {reason}"
    assert "<img" not in message.content.html
    assert "<b>&lt;img src=x onerror=&#34;alert(1)&#34;&gt; &amp; more</b>" in message.content.html


async def test_a_new_kind_is_told_by_sms_too(platform: Platform) -> None:
    """A6: its own short words, to whoever has a phone."""
    service = await returns(platform)
    partner, rita = await told_to(service, phone="+48600100200")
    await listed(service, partner, KIND, {"role": "rma", "channels": ["sms", "email"]})
    await opened(service, partner, event_id := unique("e"), reason="two\nlines")
    sms, email = sorted(await told(service, event_id, 2), key=lambda one: one.channel, reverse=True)
    assert (sms.recipient.address, sms.content.text, sms.content.html) == ("+48600100200", "Zwrot PL-1: two lines", "")
    assert email.recipient.address == rita


@pytest.mark.parametrize(
    ("of_event", "of_partner", "spoken"),
    [
        ({"language": "pl"}, "en", "pl"),
        ({"language": "cs"}, "pl", "pl"),
        ({}, "pl", "pl"),
        ({"language": None}, "hu", "en"),
        ({"language": "cs"}, "hu", "en"),
        ({"language": ["pl"]}, "hu", "en"),
    ],
)
async def test_the_language_is_the_events_else_the_partners_else_english(
    platform: Platform, of_event: dict[str, Any], of_partner: str, spoken: str
) -> None:
    """A6: the first of them that the kind speaks."""
    service = await returns(platform)
    partner, _ = await told_to(service, of_partner)
    await opened(service, partner, event_id := unique("e"), buyer=of_event)
    [message] = await told(service, event_id)
    assert message.content.subject == {"pl": "Zwrot zamówienia PL-1", "en": "Return of PL-1"}[spoken]


async def test_other_types_of_its_topic_are_passed_over_and_what_names_no_partner_is_set_aside(
    platform: Platform,
) -> None:
    """A6, F6: the topic is its publisher's; a neighbour of a bad event is told."""
    service = await returns(platform)
    partner, _ = await told_to(service)
    await opened(service, partner, other := unique("e"), event_type="com.warehouse.return.closed.v1")
    await opened(service, partner, bad := unique("e"), seller={"id": 7})
    await opened(service, partner, good := unique("e"))
    await told(service, good)
    assert not {other, bad} & {one.data.event.id for one in service.io.follow(MessageRequested).events}
    [(headers, _)] = await service.io.dead_letters(TOPIC, "notifications", key=partner.encode())
    assert (headers["dlq_reason"], headers["ce_id"]) == ("breaks_contract", bad)


async def test_a_retired_kind_is_told_no_more(platform: Platform) -> None:
    """A6: not in the settings either, though another kind still reads the same topic; and it can come back."""
    service = await returns(platform)
    partner, rita = await told_to(service)
    other, kind = unique("kind"), unique("kind")
    await defined(service, other, type=other)
    await defined(service, kind)
    await tells(service, partner, ("email", rita), kind=kind)
    await defined(service, kind, retired=True)
    headers = service.tokens.headers(partner)
    assert kind not in [one["kind"] for one in (await service.http.get("/settings", headers=headers)).json()]
    assert (await service.http.post(f"/kinds/{kind}/dry-run", json={}, headers=headers)).status_code == 404
    assert (await read(service, f"/kinds/{kind}"))["retired"] is True
    await opened(service, partner, event_id := unique("e"))
    await opened(service, partner, last := unique("e"), event_type=other)
    await told(service, last)
    assert {one.kind for one in await told(service, event_id)} == {KIND}
    await defined(service, kind)
    await opened(service, partner, event_id := unique("e"))
    assert {one.kind for one in await told(service, event_id, 2)} == {KIND, kind}
    await defined(service, kind, retired=True)  # the other tests' returns are told once


async def test_a_topic_that_the_broker_refuses_keeps_no_other_from_being_read(platform: Platform) -> None:
    """A6, A7: neither at once nor by a process that starts later; the refusal is in log and metrics, until no kind
    names the topic any more."""
    apart = await platform.apart("refused-topic")
    service = await apart.service("notifications")
    await apart.make_topic("some_topic")
    await defined(service, topic="some.topic")
    await eventually(lambda: "topic_refused" in service.log_text())
    await service.stop()
    await service.start()
    partner = await announce_partner(service.io)
    await service.io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=(event_id := unique("e")))
    assert [one.partner_id for one in await told(service, event_id)] == [partner]
    stalled = 'switchboard_subscription_stalled{topic="some.topic"}'
    assert f"{stalled} 1.0" in (await service.http.get("/metrics")).text
    await defined(service, topic="some.topic", retired=True)

    async def is_over() -> bool:
        return f"{stalled} 0.0" in (await service.http.get("/metrics")).text

    await eventually(is_over)


async def test_a_partner_says_it_in_its_own_words(platform: Platform) -> None:
    """A6: an own subject and intro in one language; the kind's own words hold them."""
    service = await returns(platform)
    partner, _ = await told_to(service)
    url, headers = f"/settings/{KIND}/words/pl", service.tokens.headers(partner)
    words = {"subject": "PILNE {{ data.order.number }}", "intro": "Do działu zwrotów: {{ data.reason }}!"}
    assert (await service.http.put(url, json=words, headers=headers)).status_code == 200
    bad = await service.http.put(url, json={"intro": "{{ data.lines }}"}, headers=headers)
    assert (bad.status_code, bad.json()["errors"][0]["place"]) == (422, "intro")
    await opened(service, partner, in_polish := unique("e"))
    await opened(service, partner, in_english := unique("e"), buyer={"language": "en"})
    [polish], [english] = await told(service, in_polish), await told(service, in_english)
    assert polish.content.subject == "PILNE PL-1"
    assert polish.content.text == "Do działu zwrotów: scratched! Powód: scratched"
    assert english.content.subject == "Return of PL-1"


async def test_both_replicas_know_within_seconds_what_was_saved_at_one(platform: Platform) -> None:
    """A6: each reads a share of the new topic, and says the newest words."""
    apart = await platform.apart(unique("kinds"))
    one = await apart.service("notifications")
    other = await apart.replica(one)
    await defined(one)
    partner, rita = await told_to(one)
    await tells(other, partner, ("email", rita), kind=KIND)

    async def has_read(service: Service) -> bool:
        counted = f'switchboard_records_consumed_total{{topic="{TOPIC}"}} '
        return counted in (await service.http.get("/metrics")).text

    async def both_read() -> bool:
        for i in range(16):
            await opened(one, partner, unique("e"), key=f"k{i}")
        return await has_read(one) and await has_read(other)

    await eventually(both_read, timeout=30)
    assert (await define(other, names=BODY["names"], default_role="manager", if_match='"1"')).status_code == 200

    async def newest_words() -> bool:
        await opened(other, partner, event_id := unique("e"))
        return (await told(other, event_id))[0].recipient.address != rita

    await eventually(newest_words, timeout=10)


HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted", "Content-Type"}
LINES = "x\r\nBcc: evil@x.example\r\n\r\nbody"


async def test_an_event_adds_no_header_and_no_recipient_to_its_mail(platform: Platform, mail: MailServer) -> None:
    """A6: the whole way, from the publisher's words to the mail server."""
    apart = await platform.apart("returns")
    service, outbox = await returns(platform), await apart.service("outbox")
    partner, rita = await told_to(service)
    await sender_account(outbox, mail, partner=partner)
    words = {"subject": "{{ data.reason }}"}
    headers = service.tokens.headers(partner)
    assert (await service.http.put(f"/settings/{KIND}/words/pl", json=words, headers=headers)).status_code == 200
    await opened(service, partner, unique("e"), reason=LINES)
    [got] = await eventually(lambda: mail.to(rita), timeout=20)
    assert set(got.message.keys()) == HEADERS
    assert got.message["Subject"] == "x Bcc: evil@x.example body"
    assert got.recipients == [rita]


@given(reason=st.text(max_size=200), own=st.text(max_size=100), name=st.text(max_size=50))
@example(reason=LINES, own="", name=LINES)
@example(reason="\x0b\x0c\x1c\x85\u2028\u2029Bcc: evil@x.example", own="\x85Bcc: x@x.example", name="\u2028")
def test_whatever_an_event_says_adds_no_header(reason: str, own: str, name: str) -> None:
    """A6: in the subject of the kind or of the partner, and in names; an SMS is one line."""
    subject = "{{ data.reason }} {{ recipient.name }} {{ partner.name }}"
    fields = BODY | {"templates": {"en": BODY["templates"]["en"] | {"subject": subject}}}
    kind = KindFields.model_validate(fields).to_domain(KIND, 1)
    values = {
        "data": BODY["example"] | {"reason": reason},
        "partner": {"id": "prt_1", "name": name},
        "recipient": {"name": name, "address": "rita@x.example"},
        "unsubscribe_url": "",
    }
    for words in (Words(), Words(subject=own.replace("{", "") + "{{ data.reason }}")):
        content = kind.render("email", "en", values, words)
        sent = compose(
            Mail(
                message_id="m-1", from_address="shop@x.example", from_name="Shop", to_address="rita@x.example",
                to_name=name, subject=content.subject, text=content.text, html=content.html,
            )
        )  # fmt: skip
        parsed = message_from_bytes(sent, policy=policy.default)
        assert sorted(parsed.keys()) == sorted(HEADERS)
        assert [one.addr_spec for one in parsed["To"].addresses] == ["rita@x.example"]
    assert len(kind.render("sms", "en", values).text.splitlines()) <= 1
