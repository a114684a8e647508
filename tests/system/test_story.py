"""The main job through all five services, from a partner's first day to the mail in the inbox (A7, B1, B8, C13, F4)."""

from typing import Any

from common.events import CampaignLaunched, InvoiceIssued, OrderCreated
from tests.support.company import found_company
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.platform import Platform
from tests.support.returns import bounce_of


async def test_events_reach_the_right_people_and_everyone_can_see_it(platform: Platform, mail: MailServer) -> None:
    """A6, A7, A9, B1, B8, C13."""
    company = await found_company(platform, mail)
    maria, sam, fiona = (
        await company.adds("maria", "manager"),
        await company.adds("sam", "sales"),
        await company.adds("fiona", "finance"),
    )
    await company.call("notifications", "PUT", "/settings/order.created", {"recipients": [{"role": "sales"}]})
    await company.call("notifications", "PUT", "/settings/invoice.issued", {"recipients": [{"role": "finance"}]})
    await company.would_tell("order.created", {"order_number": "1"}, sam)
    await company.would_tell("invoice.issued", {"invoice_number": "1"}, fiona)
    await company.would_tell("campaign.launched", {"campaign_id": "c", "name": "C"}, maria)
    record = await company.call("crm", "POST", "/records", {"kind": "person", "first_name": "Sam", "email": sam})
    number, event_id = f"PL/{unique('n')}", unique("e")
    await platform.io.publish(OrderCreated(partner_id=company.partner_id, order_number=number), event_id=event_id)
    await platform.io.publish(InvoiceIssued(partner_id=company.partner_id, invoice_number="F/1"), event_id=unique("e"))
    campaign = CampaignLaunched(campaign_id="bf", name="BF", partner_ids=[company.partner_id])
    await platform.io.publish(campaign, event_id=unique("e"))

    async def all_sent() -> bool:
        return [one["status"] for one in await company.box()] == ["SENT"] * 3

    await eventually(all_sent, timeout=20)
    assert [len(mail.to(address)) for address in (sam, fiona, maria)] == [1, 1, 1]

    async def known_as_sent() -> Any:
        event = await company.call("notifications", "GET", "/events", source="/test", id=event_id)
        return [one for kind in event["kinds"] for one in kind["recipients"] if one["status"] == "SENT"]

    [told] = await eventually(known_as_sent)
    assert (told["address"], told["reasons"]) == (sam, ["holds the role sales"])
    [row] = (await company.call("outbox", "GET", f"/orders/{number}/messages"))["items"]
    assert (row["id"], row["reasons"]) == (told["message_id"], told["reasons"])

    async def on_the_timeline() -> Any:
        return (await company.call("crm", "GET", f"/records/{record['id']}/timeline"))["items"]

    [entry] = await eventually(on_the_timeline)
    assert (entry["outcome"], entry["order_number"], entry["message_id"]) == ("sent", number, told["message_id"])


async def test_a_refusal_is_escalated_to_the_manager_and_seen_everywhere(platform: Platform, mail: MailServer) -> None:
    """A8, B2, B10."""
    company = await found_company(platform, mail)
    maria, gone = await company.adds("maria", "manager"), f"{unique('gone').replace('_', '-')}@company.example.com"
    mail.answer(gone, "550 5.1.1 no such mailbox")
    await company.call("notifications", "PUT", "/settings/order.created", {"recipients": [{"email": gone}]})
    await company.would_tell("order.created", {"order_number": "1"}, gone)
    await platform.io.publish(OrderCreated(partner_id=company.partner_id, order_number="1"), event_id=unique("e"))
    await eventually(lambda: mail.to(maria), timeout=20)
    [told] = mail.to(maria)
    assert str(told.message["Subject"]).startswith(f"Could not be delivered to {gone}")

    async def settled() -> bool:
        return sorted(one["status"] for one in await company.box()) == ["ERROR", "SENT"]

    await eventually(settled)
    assert len(mail.to(maria)) == 1


async def test_a_mail_that_comes_back_is_escalated_to_the_manager_and_seen_everywhere(
    platform: Platform, mail: MailServer
) -> None:
    """A8, B2, B10, C13: the mail server accepted it, and said later that there is no such mailbox."""
    company = await found_company(platform, mail, bounce_domain="bounces.company.example.com")
    maria, sam = await company.adds("maria", "manager"), await company.adds("sam", "sales")
    await company.call("notifications", "PUT", "/settings/order.created", {"recipients": [{"role": "sales"}]})
    await company.would_tell("order.created", {"order_number": "1"}, sam)
    record = await company.call("crm", "POST", "/records", {"kind": "person", "first_name": "Sam", "email": sam})
    await platform.io.publish(OrderCreated(partner_id=company.partner_id, order_number="1"), event_id=unique("e"))
    await eventually(lambda: mail.to(sam), timeout=20)
    machine = {"name": "Mail server", "permissions": ["reports:write"]}
    made = await company.call("identity", "POST", "/machines", machine)
    told = {"grant_type": "client_credentials", "client_id": made["client_id"], "client_secret": made["client_secret"]}
    token = (await company.services["identity"].http.post("/token", data=told)).json()["access_token"]
    answer = await company.services["outbox"].http.post(
        "/inbound/mail", content=bounce_of(mail.to(sam)[0]), headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()) == (200, {"was": "failed"})
    await eventually(lambda: mail.to(maria), timeout=20)
    assert str(mail.to(maria)[0].message["Subject"]).startswith(f"Could not be delivered to {sam}")

    async def settled() -> bool:
        persons = (await company.call("contacts", "GET", "/persons"))["items"]
        timeline = (await company.call("crm", "GET", f"/records/{record['id']}/timeline"))["items"]
        statuses = sorted(one["status"] for one in await company.box())
        return (
            [one["email"] for one in persons if one["undeliverable"]] == [sam]
            and sorted(one["outcome"] for one in timeline) == ["failed", "sent"]
            and statuses == ["BOUNCED", "SENT"]
        )

    await eventually(settled)
    await company.would_tell("order.created", {"order_number": "2"}, maria)
    assert len(mail.to(maria)) == 1


async def test_repeating_everything_changes_nothing(platform: Platform, mail: MailServer) -> None:
    """F6: duplicates of every topic, read again from the beginning, send no mail and add no entry."""
    company = await found_company(platform, mail)
    sam = await company.adds("sam", "manager")
    await company.would_tell("order.created", {"order_number": "1"}, sam)
    await platform.io.publish(OrderCreated(partner_id=company.partner_id, order_number="1"), event_id=unique("e"))
    await eventually(lambda: mail.to(sam))
    repeated = await platform.io.repeat_everything(company.partner_id)
    assert repeated >= 5
    await platform.io.publish(OrderCreated(partner_id=company.partner_id, order_number="last"), event_id=unique("e"))
    await eventually(lambda: len(mail.to(sam)) == 2, timeout=20)
    order = await company.call("crm", "GET", "/orders/1/timeline")
    assert len(order["items"]) == 1
    assert len(await company.box()) == 2
    assert len(mail.to(sam)) == 2


async def test_a_platform_of_two_companies_keeps_them_apart(platform: Platform, mail: MailServer) -> None:
    """No tenant ever sees another's data, in any list of any service."""
    one, two = await found_company(platform, mail), await found_company(platform, mail)
    secret = await one.adds("secret", "manager")
    await one.would_tell("order.created", {"order_number": "1"}, secret)
    await platform.io.publish(OrderCreated(partner_id=one.partner_id, order_number="SECRET-1"), event_id=unique("e"))
    await eventually(lambda: mail.to(secret))
    lists = [
        ("identity", "/users"),
        ("identity", "/partner"),
        ("contacts", "/persons"),
        ("notifications", "/settings"),
        ("outbox", "/messages"),
        ("outbox", "/accounts"),
        ("outbox", "/orders/SECRET-1/messages"),
        ("crm", "/records"),
        ("crm", "/orders/SECRET-1/timeline"),
    ]
    for service, url in lists:
        answer = await two.services[service].http.get(url, headers=two.headers)
        assert answer.status_code == 200
        assert secret not in answer.text
        assert one.partner_id not in answer.text
