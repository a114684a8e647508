"""Unsubscribing from a kind with the link in its mails (A6): what the link does, and what it does not."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from common.events import CampaignLaunched, InvoiceIssued, MessageRequested, OrderCreated
from common.keyring import keys_in
from notifications.domain import Partner
from notifications.kinds.handlers import SAMPLE_LINK
from notifications.links import Links, Subscription
from notifications.unsubscribing import pages
from notifications.unsubscribing.handlers import Meant
from tests.notifications.steps import failed, has_partner, knows, listed
from tests.notifications.test_words import kind_of
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import sender_account
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import KEYRING, Platform, Service

CAMPAIGN = CampaignLaunched.TOPIC
KEYS = list(keys_in(SecretStr(KEYRING)).values())
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def launch(service: Service, partner: str, *others: str) -> str:
    """A campaign for these partners; returns its name, which its mails have in their subject."""
    name = unique("campaign")
    await service.io.publish(
        CampaignLaunched(campaign_id=name, name=name, partner_ids=[partner, *others]), event_id=name
    )
    return name


async def told(service: Service, partner: str, name: str, count: int = 1) -> dict[str, MessageRequested]:
    """Who was told of the campaign, once it is so many: address → message."""
    found = await service.io.follow(MessageRequested).wait_for(
        lambda e: e.data.partner_id == partner and name in e.data.content.subject, count
    )
    return {one.data.recipient.address: one.data for one in found}


async def link_to(service: Service, partner: str, address: str) -> str:
    """The link in a mail to this address."""
    message = (await told(service, partner, await launch(service, partner)))[address]
    assert message.unsubscribe_url is not None
    return message.unsubscribe_url


async def left_out(service: Service, partner: str) -> list[tuple[str, str]]:
    answer = await service.http.get(f"/settings/{CAMPAIGN}", headers=service.tokens.headers(partner))
    return [(one["address"], one["why"]) for one in answer.json()["left_out"]]


async def manager_of(service: Service, language: str = "en") -> tuple[str, str]:
    """(a new partner, the address of its manager)."""
    partner = await announce_partner(service.io, language=language)
    mia = await announce_person(service.io, partner, "manager")
    await knows(service, partner, mia.email)
    return partner, mia.email


async def test_whoever_unsubscribes_gets_no_campaign_any_more_but_orders_as_ever(
    platform: Platform, mail: MailServer
) -> None:
    """A6: from the mail in the inbox to the next campaign; the partner sees who is left out, and may undo it."""
    service, outbox = await platform.service("notifications"), await platform.service("outbox")
    partner, mia = await manager_of(service)
    await sender_account(outbox, mail, partner=partner)
    other = f"{unique('other').replace('_', '-')}@x.example"
    await listed(service, partner, CAMPAIGN, {"role": "manager"}, {"email": other})
    await launch(service, partner)
    [got] = await eventually(lambda: mail.to(mia), timeout=20)
    url = str(got.message["List-Unsubscribe"])[1:-1]
    assert got.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        part = got.message.get_body((kind,))
        assert part is not None
        assert url in part.get_content()
    async with httpx.AsyncClient() as mail_program:
        answer = await mail_program.post(url, data=ONE_CLICK)
    assert answer.status_code == 200, answer.text
    assert await left_out(service, partner) == [(mia, "unsubscribed from this kind")]
    assert (await told(service, partner, await launch(service, partner))).keys() == {other}
    await service.io.publish(OrderCreated(partner_id=partner, order_number="A-7"), event_id=unique("e"))
    order = await eventually(lambda: [one for one in mail.to(mia) if "A-7" in one.message["Subject"]], timeout=20)
    assert order[0].message["List-Unsubscribe"] is None
    undo = f"/settings/{CAMPAIGN}/unsubscribed/{mia.upper()}"
    headers = service.tokens.headers(partner)
    assert (await service.http.delete(undo, headers=headers)).status_code == 204
    assert (await service.http.delete(undo, headers=headers)).status_code == 404
    assert await left_out(service, partner) == []
    assert (await told(service, partner, await launch(service, partner), 2)).keys() == {mia, other}


async def test_opening_the_link_changes_nothing(platform: Platform) -> None:
    """A6: scanners of mail follow every link; the page has one button, which sends what a mail program would."""
    service = await platform.service("notifications")
    partner, mia = await manager_of(service)
    url = await link_to(service, partner, mia)
    page = await service.http.get(url)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page.text.count("<button") == 1
    assert '<form method="post"><button name="List-Unsubscribe" value="One-Click">' in page.text
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert await left_out(service, partner) == []
    done = await service.http.post(url, data=ONE_CLICK)
    assert (done.status_code, "<button" in done.text) == (200, False)
    assert [address for address, _ in await left_out(service, partner)] == [mia]


async def test_repeating_it_is_harmless(platform: Platform) -> None:
    """A6: ten at once are one; whatever the body, and whatever the case of the address."""
    service = await platform.service("notifications")
    partner = await announce_partner(service.io)
    await has_partner(service, partner)
    await listed(service, partner, CAMPAIGN, {"email": "Ann@shop.example.com"})
    url = await link_to(service, partner, "Ann@shop.example.com")
    bodies: list[Any] = [ONE_CLICK, {}, {"x": "y"}] * 3
    answers = await asyncio.gather(*(service.http.post(url, data=body) for body in bodies))
    assert {one.status_code for one in answers} == {200}
    kept = await service.database["unsubscribed"].find({"partner_id": partner}).to_list()
    assert [(one["kind"], one["address"]) for one in kept] == [(CAMPAIGN, "ann@shop.example.com")]
    assert [address for address, _ in await left_out(service, partner)] == ["Ann@shop.example.com"]


async def test_only_an_address_that_is_listed_anew_is_subscribed_again(platform: Platform) -> None:
    """A6: another edit of the recipients is not its reader's consent, however the address is written in it."""
    service = await platform.service("notifications")
    partner = await announce_partner(service.io)
    await has_partner(service, partner)
    ann, bob = {"email": "Ann@shop.example.com"}, {"email": "bob@shop.example.com"}
    await listed(service, partner, CAMPAIGN, ann, bob)
    await service.http.post(await link_to(service, partner, ann["email"]), data=ONE_CLICK)
    await listed(service, partner, CAMPAIGN, {"email": "ann@SHOP.example.com"}, {"role": "sales"})
    assert [address for address, _ in await left_out(service, partner)] == ["ann@shop.example.com"]
    await listed(service, partner, CAMPAIGN, bob)
    await listed(service, partner, CAMPAIGN, ann, bob)
    assert await left_out(service, partner) == []


async def test_it_is_about_one_partner_only(platform: Platform) -> None:
    """A6, F1: the same address goes on getting the campaigns of another company."""
    service = await platform.service("notifications")
    mine, theirs = await announce_partner(service.io), await announce_partner(service.io)
    for partner in (mine, theirs):
        await has_partner(service, partner)
        await listed(service, partner, CAMPAIGN, {"email": "books@other.example.com"})
    await service.http.post(await link_to(service, mine, "books@other.example.com"), data=ONE_CLICK)
    assert await left_out(service, theirs) == []
    assert [address for address, _ in await left_out(service, mine)] == ["books@other.example.com"]
    await told(service, theirs, await launch(service, mine, theirs))


async def test_what_no_key_of_ours_signed_is_unknown(platform: Platform) -> None:
    """A6: and so is what names a kind that nobody unsubscribes from, or nobody's partner. Nothing is kept."""
    service = await platform.service("notifications")
    partner, mia = await manager_of(service)
    good = (await link_to(service, partner, mia)).rpartition("/")[2]
    ours, theirs = Links("http://x", KEYS), Links("http://x", [bytes(32)])
    forged = [
        theirs.to(Subscription(partner, CAMPAIGN, mia)),
        ours.to(Subscription(partner, "order.created", mia)),
        ours.to(Subscription(partner, "no.such.kind", mia)),
        ours.to(Subscription(unique("prt"), CAMPAIGN, mia)),
    ]
    changed = [good[:-1], good + "A", good[:40] + ("B" if good[40] == "A" else "A") + good[41:], "x", "%00", "ż", "..x"]
    for token in [one.rpartition("/")[2] for one in forged] + changed:
        for method in ("GET", "POST"):
            answer = await service.http.request(method, f"/unsubscribe/{token}")
            assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json"), token
            assert answer.json()["type"].rpartition("/")[2] == "unknown-unsubscribe-link"
    assert await service.database["unsubscribed"].count_documents({"partner_id": partner}) == 0


async def test_only_the_mails_of_a_kind_that_allows_it_carry_a_link(platform: Platform) -> None:
    """A6: orders and invoices must arrive."""
    service = await platform.service("notifications")
    partner, _ = await manager_of(service)
    await service.io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=unique("e"))
    await service.io.publish(InvoiceIssued(partner_id=partner, invoice_number="1"), event_id=unique("e"))
    found = await service.io.follow(MessageRequested).wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert [one.data.unsubscribe_url for one in found] == [None, None]
    assert not [one for one in found if "/unsubscribe/" in one.data.content.html + one.data.content.text]


async def test_a_link_is_shown_to_nobody_but_its_reader(platform: Platform) -> None:
    """A6, A8: neither to who tries a kind out, nor to the manager who is told that a mail did not arrive."""
    service = await platform.service("notifications")
    partner, mia = await manager_of(service)
    await listed(service, partner, CAMPAIGN, {"email": "gone@other.example.com"})
    sample = {"campaign_id": "x", "name": "x"}
    headers = service.tokens.headers(partner)
    trial = await service.http.post(f"/kinds/{CAMPAIGN}/dry-run", json=sample, headers=headers)
    assert trial.status_code == 200, trial.text
    assert "/unsubscribe/" not in trial.text
    [message] = (await told(service, partner, await launch(service, partner))).values()
    await service.io.publish(failed(message), event_id=unique("e"), source="/outbox")
    [escalated] = await service.io.follow(MessageRequested).wait_for(
        lambda e: e.data.partner_id == partner and e.data.escalation is not None
    )
    assert (escalated.data.recipient.address, escalated.data.unsubscribe_url) == (mia, None)
    assert message.content.subject in escalated.data.content.text
    assert "/unsubscribe/" not in escalated.data.content.text + escalated.data.content.html


async def test_without_a_public_url_there_is_no_link_and_the_log_says_so(platform: Platform) -> None:
    """A6."""
    service = await platform.service("notifications", instance="not-public", PUBLIC_URL="")
    assert "mails_have_no_unsubscribe_link" in service.log_text()
    partner, mia = await manager_of(service)
    message = (await told(service, partner, await launch(service, partner)))[mia]
    assert message.unsubscribe_url is None
    assert "nsubscribe" not in message.content.text + message.content.html


async def test_neither_logs_nor_spans_hold_a_link_or_an_address(platform: Platform) -> None:
    """F4: the route's template stands in place of what was asked."""
    service = await platform.service("notifications", instance="traced", OTEL_TRACES_EXPORTER="console")
    partner, mia = await manager_of(service)
    url = await link_to(service, partner, mia)
    await service.http.get(url)
    await service.http.post(url, data=ONE_CLICK)
    await service.http.delete(f"/settings/{CAMPAIGN}/unsubscribed/{mia}", headers=service.tokens.headers(partner))
    await service.http.get("/suggestions", params={"q": mia}, headers=service.tokens.headers(partner))
    await service.http.get(f"{url}/no/route")

    def targets() -> list[str]:
        found = [json.loads(one) for one in re.findall(r"^\{\n.*?^\}$", service.log_text(), re.MULTILINE | re.DOTALL)]
        seen = [one["attributes"]["http.target"] for one in found if "http.target" in one["attributes"]]
        return seen if "unknown" in seen else []

    seen = await eventually(targets)
    assert seen.count("/unsubscribe/{token}") == 2
    assert "/settings/{kind}/unsubscribed/{address}" in seen
    assert "/suggestions" in seen
    assert url.rpartition("/")[2] not in service.log_text()
    assert mia not in service.log_text()


async def test_templates_of_every_kind_may_name_the_link(platform: Platform) -> None:
    """A6: it is empty where nobody may unsubscribe; a preview shows one that leads nowhere."""
    service = await platform.service("notifications")
    headers = service.tokens.headers("platform")
    kind = (await service.http.get(f"/kinds/{CAMPAIGN}", headers=headers)).json()
    del kind["id"], kind["version"]
    kind["templates"] = {"en": {"subject": "x", "text": "[{{ unsubscribe_url }}]"}}
    for may, shown in ((True, f"[{SAMPLE_LINK}]"), (False, "[]")):
        body = {"kind": kind | {"can_unsubscribe": may}}
        answer = await service.http.post("/kinds/preview", json=body, headers=headers)
        assert answer.json()["email"]["text"] == shown


@pytest.mark.parametrize(
    ("language", "title", "foot"),
    [
        ("en", "Unsubscribe", "Unsubscribe: http"),
        ("pl", "Rezygnacja z wiadomości", "Rezygnacja z tych wiadomości: http"),
        ("cs", "Odhlášení z odběru", "Odhlásit odběr: http"),
        ("hu", "Leiratkozás", "Leiratkozás: http"),
    ],
)
async def test_mail_and_page_speak_the_partners_language(
    platform: Platform, language: str, title: str, foot: str
) -> None:
    """A6."""
    service = await platform.service("notifications")
    partner, mia = await manager_of(service, language)
    message = (await told(service, partner, await launch(service, partner)))[mia]
    assert message.unsubscribe_url is not None
    assert foot in message.content.text
    assert f'href="{message.unsubscribe_url}"' in message.content.html
    for page in (await service.http.get(message.unsubscribe_url), await service.http.post(message.unsubscribe_url)):
        assert f'<html lang="{language}">' in page.text
        assert f"<h1>{title}</h1>" in page.text
        assert mia in page.text
        assert f"Company {partner}" in page.text
        assert kind_of(CAMPAIGN).name_in(language) in page.text


def test_a_page_escapes_what_comes_from_outside() -> None:
    """A6."""
    partner = Partner("prt", "<script>alert(1)</script>", "en", None)
    meant = Meant(Subscription("prt", CAMPAIGN, "<img>@x.example"), kind_of(CAMPAIGN), partner)
    for page in (pages.question(meant), pages.confirmation(meant)):
        assert "<script" not in page
        assert "<img" not in page
        assert "&lt;script&gt;" in page


@given(st.builds(Subscription, st.text(), st.text(), st.text()))
def test_a_link_says_what_it_was_made_for(subscription: Subscription) -> None:
    """A6: in characters that any mail program leaves alone."""
    links = Links("https://x.example/", [bytes(32)])
    url = links.to(subscription)
    assert re.fullmatch(r"https://x\.example/unsubscribe/[A-Za-z0-9_-]+", url)
    assert links.read(url.rpartition("/")[2]) == subscription


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_anything_else_says_nothing(token: str) -> None:
    """A6."""
    assert Links("https://x.example", [bytes(32)]).read(token) is None


def test_the_newest_key_signs_and_all_are_believed() -> None:
    """A6: a link of last year works as long as its key is in the ring."""
    old, new = bytes([1]) * 32, bytes([2]) * 32
    subscription = Subscription("prt", CAMPAIGN, "ann@x.example")
    before, after = (Links("https://x", keys).to(subscription).rpartition("/")[2] for keys in ([old], [new, old]))
    assert Links("https://x", [new, old]).read(before) == subscription
    assert Links("https://x", [new]).read(after) == subscription
    assert Links("https://x", [new]).read(before) is None
    assert Links("", [old]).read(before) == subscription, "links that were sent work though none is made any more"
    assert Links("", []).read(before) is None


def test_a_public_url_without_a_key_is_refused_at_start() -> None:
    """A6: rather than mails without the link that somebody wanted."""
    with pytest.raises(ValueError, match="UNSUBSCRIBE_KEYRING"):
        Links("https://x.example", [])
