"""One run of everything, in which every secret, address and text is a canary."""

import base64
import json
from typing import Any

import httpx
from pydantic import SecretStr

from common.events import (
    AttachmentRef,
    CampaignLaunched,
    MessageRequested,
    MessageSent,
    OrderCreated,
    PartnerChanged,
    encode,
)
from common.events.envelope import Event
from common.keyring import keys_in
from tests.outbox.test_account_stops import try_account
from tests.outbox.test_reports import SECRET as REPORTS_SECRET
from tests.outbox.test_reports import body_of, report, reporting
from tests.outbox.texting import number, sms
from tests.outbox.token_endpoint import Client, refusal, tokens_shown
from tests.support.company import PASSWORD, Company, found_company
from tests.support.eventually import eventually, unique
from tests.support.gateways import Scripted
from tests.support.mail import MailServer
from tests.support.messages import message, sender_account, settled
from tests.support.platform import KEYRING, Platform, Service
from tests.support.returns import bounce_of, hand_in, holiday_note
from tests.support.routes import SERVICES, paths
from tests.system.canaries import WORD, Run, word
from tests.system.outside import Outside
from tests.system.signing_in import RING, enters, signs_in, uses_passkeys, uses_second_factors
from tests.system.test_every_route import BODIES

TEXT, CSV = {"Content-Type": "text/plain"}, {"Content-Type": "text/csv"}
PARAMETERS = ("cursor", "q", "recipient", "order_number", "id")
FIELDS = ("email", "password", "token", "challenge", "code", "credential")
"""Of the bodies of routes that are open."""
SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def do_everything(platform: Platform, mail: MailServer, outside: Outside) -> Run:
    """By services whose spans are in their logs."""
    settings = {"OTEL_TRACES_EXPORTER": "console", "REFRESH_GRACE_SECONDS": "0", **outside.settings}
    run = Run({name: await platform.service(name, **settings) for name in SERVICES}, mail, outside)
    run.knows("mailbox", outside.mailbox.password)
    for service in run.services.values():
        service.http.event_hooks["response"].append(run.keep_problem)
    run.knows("password", PASSWORD, "another horse battery", word())
    run.knows("key of the ring", *(base64.b64encode(key).decode() for key in keys_in(SecretStr(KEYRING)).values()))
    company = await found_company(
        platform, mail, username=word(), password=run.secrets["password 2"], bounce_domain="bounces.example.com"
    )
    run.knows("token of the owner", company.headers["Authorization"].removeprefix("Bearer "))
    await signs_in(run)
    await uses_second_factors(run)
    await uses_passkeys(run)
    await enters(run)
    await sends_mails(run, company)
    await fetches_files(run, company)
    await hears_by_mailbox(run, company)
    await sends_with_tokens(run)
    await sends_texts(run, company)
    await keeps_contacts(run, company)
    await cannot_read_what_comes(run)
    await asks_nonsense(run)

    async def is_settled() -> bool:
        return {one["status"] for one in await company.box()} == {"SENT", "ERROR", "BOUNCED"}

    await eventually(is_settled, timeout=20)
    return run


async def sends_mails(run: Run, company: Company) -> None:
    """Signed, with a file; one is refused, one comes back; and a campaign with a link to unsubscribe."""
    outbox, mia = run.outbox, await company.adds(WORD, "manager")
    domain = await company.call("outbox", "POST", "/domains", {"name": "company.example.com"})
    await company.call("outbox", "POST", f"/domains/{domain['name']}/sign")
    stored = await outbox.database["domains"].find_one({"partner_id": company.partner_id})
    assert stored is not None
    owner = f"{company.partner_id}/dkim/{domain['name']}/{stored['signing']['selector']}"
    run.knows("key of a domain", RING.open(stored["signing"]["private"], owner).split("\n")[2])
    named = {"name": f"{WORD}.txt"}
    file = await outbox.http.post("/attachments", content=WORD, params=named, headers=company.headers | TEXT)
    assert file.status_code == 201, file.text
    await company.call("notifications", "PUT", "/settings/order.created/words/en", {"subject": word()})
    await company.would_tell("order.created", {"order_number": "1"}, mia)
    await outbox.io.publish(OrderCreated(partner_id=company.partner_id, order_number="1"), event_id="o", trace=SAMPLED)
    refused, back = f"{word()}@x.example.com", f"{word()}@x.example.com"
    run.mail.answer(refused, f"550 5.1.1 {WORD}: there is no {refused}")
    files = [AttachmentRef(id=file.json()["id"])]
    for address in (refused, back):
        await _sends(run, message(company.partner_id, address, attachments=files))
    [mail] = await eventually(lambda: run.mail.to(back), timeout=20)
    assert b"DKIM-Signature" in mail.content
    assert mail.auth_user
    run.knows("return path", mail.sender.partition("@")[0])
    assert await hand_in(outbox, bounce_of(mail, diagnostic=f"550 5.1.1 {WORD} {back}")) == "failed"
    campaign = CampaignLaunched(campaign_id=unique("c"), name=word(), partner_ids=[company.partner_id])
    await outbox.io.publish(campaign, event_id=campaign.campaign_id, trace=SAMPLED)
    mails = await eventually(lambda: [one for one in run.mail.to(mia) if campaign.name in str(one.message["Subject"])])
    url = str(mails[0].message["List-Unsubscribe"])[1:-1]
    run.links["to unsubscribe"] = url.rpartition("/")[2]
    followed = await run.services["notifications"].http.post(url, data={"List-Unsubscribe": "One-Click"})
    assert followed.status_code == 200, followed.text


async def fetches_files(run: Run, company: Company) -> None:
    """Two, by URLs that are keys to them: one is there, one is not."""
    host, names = run.outside.files, (f"/{word()}.txt", f"/{word()}.txt")
    host.answers[names[0]] = (200, "text/plain", word().encode())
    for count, name in enumerate(names):
        key = run.links[f"to a file {count}"] = word()
        url = f"{host.origin}{name}?key={key}"
        await _sends(run, message(company.partner_id, f"{word()}@x.example.com", attachments=[AttachmentRef(url=url)]))
    await eventually(lambda: len(host.asked) >= 2, timeout=20)


async def hears_by_mailbox(run: Run, company: Company) -> None:
    """A mail comes back to the mailbox, and so does something that is none of ours."""
    mailbox, back = run.outside.mailbox, f"{word()}@x.example.com"
    await _sends(run, message(company.partner_id, back))
    [mail] = await eventually(lambda: run.mail.to(back), timeout=20)
    run.knows("return path to the mailbox", mail.sender.partition("@")[0])
    mailbox.mails += [holiday_note(mail.sender), bounce_of(mail, diagnostic=f"550 5.1.1 {WORD} {back}")]
    await eventually(lambda: mailbox.seen == {1, 2}, timeout=20)


async def sends_with_tokens(run: Run) -> None:
    """By an account whose token endpoint repeats in a refusal what it was told, and then gives tokens."""
    endpoint, office = run.outside.tokens, run.outside.office
    client = endpoint.add(Client(secret=word(), refresh_token=word(), rotates=True))
    run.knows("client of a token endpoint", str(client.secret), client.refresh_token)
    client.answers = [refusal(400, "invalid_grant", f"{WORD}: {client.refresh_token} of {client.secret}")]
    partner, account = await sender_account(run.outbox, office, **endpoint.account(client, office))
    assert not (await try_account(run.outbox, partner, account))["works"]
    await _sends(run, message(partner, f"{word()}@x.example.com"))
    await settled(run.outbox, partner, "SENT")
    run.knows("token of a mail account", client.refresh_token, *tokens_shown(office))


async def _sends(run: Run, wanted: MessageRequested) -> None:
    """As notifications does, in a trace that is recorded."""
    await run.outbox.io.publish(wanted, event_id=wanted.message_id, source="/notifications", trace=SAMPLED)


async def sends_texts(run: Run, company: Company) -> None:
    """Through a gateway that repeats its secret and what it was told, and reports that the text did not arrive."""
    _, account = await reporting(run.outbox, run.outside.gateway, company.partner_id)
    run.knows("gateway", run.outside.gateway.token, REPORTS_SECRET)
    wanted = sms(company.partner_id, number(), word())
    run.numbers.append(wanted.recipient.address.removeprefix("+"))
    echo = {"message": f"Bearer {run.outside.gateway.token} {wanted.content.text}", "result": {"id": "7"}}
    run.outside.gateway.script[wanted.recipient.address] = [Scripted(202, json.dumps(echo).encode())]
    await _sends(run, wanted)
    await eventually(run.outside.gateway.posts, timeout=20)
    reported = await report(run.outbox, account, body_of(("7", "UNDELIV")))
    assert reported.status_code == 200, reported.text
    refused = await report(run.outbox, account, body_of(("7", "DELIVRD")), secret=run.nonsense)
    assert refused.status_code == 401, refused.text


async def keeps_contacts(run: Run, company: Company) -> None:
    """Addresses, a file of persons in which a row is bad, and a record with what was sent to it."""
    run.numbers.append(number().removeprefix("+"))
    address = {"types": ["billing"], "street": word(), "city": WORD, "country": "PL"}
    await company.call("contacts", "POST", "/addresses", address)
    rows = f"first_name,last_name,email,phone\n{WORD},X,{word()}@x.example.com,+{run.numbers[-1]}\n{WORD},X,{WORD},1\n"
    answer = await run.services["contacts"].http.post("/persons/import", content=rows, headers=company.headers | CSV)
    assert answer.status_code == 200, answer.text
    record = {"kind": "person", "first_name": word(), "email": f"{word()}@x.example.com", "note": word()}
    made = await company.call("crm", "POST", "/records", record)
    await company.call("crm", "GET", f"/records/{made['id']}/timeline")
    await company.call("notifications", "GET", "/suggestions", q=WORD)
    await company.call("outbox", "GET", "/messages", recipient=WORD)


async def cannot_read_what_comes(run: Run) -> None:
    """A dead letter of each service, which is looked at, replayed, and closed when it comes again."""
    person = {"address": f"{word()}@x.example.com", "name": word()}
    sent = MessageSent.model_validate(MessageSent.EXAMPLES[0], strict=False)
    broken: list[tuple[Event, Any]] = [
        (PartnerChanged(partner_id="prt_dead", version=1), {"name": word(), "language": run.nonsense}),
        (sent, {"recipient": person, "at": run.nonsense}),
    ]
    for event, value in broken:
        record = encode(event, event_id=unique("dead"), source="/test", trace=SAMPLED)
        for one in (json.dumps(value).encode(), f"{WORD} {person['address']}".encode()):
            await run.identity.io.publish_raw(record.topic, key=record.key, value=one, headers=record.headers)
    for service in run.services.values():
        first, second, *_ = await _dead_letters(service, run.staff)
        shown = await service.http.get(f"/dead-letters/{first['id']}", headers=run.staff)
        assert WORD in shown.text
        replayed = await service.http.post(f"/dead-letters/{first['id']}/replay", headers=run.staff)
        closing = {"note": word()}
        closed = await service.http.post(f"/dead-letters/{second['id']}/discard", json=closing, headers=run.staff)
        assert (replayed.status_code, closed.status_code) == (200, 200)


async def _dead_letters(service: Service, staff: dict[str, str]) -> list[dict[str, Any]]:
    """Those of a service, once there are both."""

    async def enough() -> list[dict[str, Any]]:
        found = (await service.http.get("/dead-letters", headers=staff)).json()["items"]
        return found if len(found) >= 2 else []

    return await eventually(enough, timeout=20)


async def asks_nonsense(run: Run) -> None:
    """Every route, open or not, with something in each place that does not belong there."""
    queries = httpx.QueryParams([(name, run.nonsense) for name in PARAMETERS])
    for name, service in run.services.items():
        for path, operations in paths(name).items():
            place = path.replace("{", run.nonsense).replace("}", "")
            for method in operations:
                sample = BODIES.get(f"{method.upper()} {path}", dict.fromkeys(FIELDS, ""))
                body = _spoilt(sample, run.nonsense)
                await service.http.request(method, place, params=queries, headers=run.staff, json=body)


def _spoilt(sample: Any, nonsense: str) -> Any:
    """With nonsense in place of everything that the sample says."""
    if isinstance(sample, dict):
        return {name: _spoilt(value, nonsense) for name, value in sample.items()}
    return [_spoilt(one, nonsense) for one in sample] if isinstance(sample, list) else nonsense
