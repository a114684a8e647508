"""One run of everything, in which every secret, address and text is a canary."""

import base64
import json
from typing import Any

import httpx
from pydantic import SecretStr

from common.events import AttachmentRef, CampaignLaunched, MessageSent, OrderCreated, PartnerChanged, encode
from common.events.envelope import Event
from common.keyring import Keyring, keys_in
from tests.identity.entering import VERIFIER, connected
from tests.identity.letters import LINK, letters_to, link_to
from tests.identity.signing import Key, make_with, show
from tests.identity.test_machines import make
from tests.identity.test_machines import token as machine_token
from tests.identity.test_recovery import follow, forget
from tests.identity.test_second_factors import challenge, second_step, turn_on
from tests.identity.test_sessions import bearer, begin, continue_
from tests.identity.test_sign_in import new_partner
from tests.outbox.test_reports import SECRET as REPORTS_SECRET
from tests.outbox.test_reports import body_of, report, reporting
from tests.outbox.texting import number, sms
from tests.support.company import PASSWORD, Company, found_company
from tests.support.eventually import eventually, unique
from tests.support.gateways import Gateway, Scripted
from tests.support.mail import MailServer
from tests.support.messages import message
from tests.support.platform import KEYRING, Platform, Service
from tests.support.returns import bounce_of, hand_in
from tests.support.routes import SERVICES, paths
from tests.system.canaries import WORD, Run, word
from tests.system.test_every_route import BODIES

RING = Keyring.parse(SecretStr(KEYRING))
TEXT, CSV = {"Content-Type": "text/plain"}, {"Content-Type": "text/csv"}
PARAMETERS = ("cursor", "q", "recipient", "order_number", "id")
FIELDS = ("email", "password", "token", "challenge", "code", "credential")
"""Of the bodies of routes that are open."""
SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def do_everything(platform: Platform, mail: MailServer, gateway: Gateway) -> Run:
    """By services whose spans are in their logs."""
    spans = {"OTEL_TRACES_EXPORTER": "console", "REFRESH_GRACE_SECONDS": "0"}
    run = Run({name: await platform.service(name, **spans) for name in SERVICES}, mail, gateway)
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
    await enters(run)
    await sends_mails(run, company)
    await sends_texts(run, company)
    await keeps_contacts(run, company)
    await cannot_read_what_comes(run)
    await asks_nonsense(run)

    async def is_settled() -> bool:
        return {one["status"] for one in await company.box()} == {"SENT", "ERROR", "BOUNCED"}

    await eventually(is_settled, timeout=20)
    return run


async def signs_in(run: Run) -> None:
    """A session that goes on until its token is used twice; a forgotten password; a machine."""
    _, email = await new_partner(run.identity, name=word())
    tokens = await begin(run.identity, email)
    following = (await continue_(run.identity, tokens)).json()
    for one in (tokens, following):
        run.knows(f"session {one['refresh_token'][-5:]}", one["access_token"], one["refresh_token"])
    await _opens(run, "signing_keys", "signing key")
    await _opens(run, "sessions", "seed of a session")
    machine = await make(run.identity, bearer(following))
    run.knows("machine", machine["client_secret"])
    run.knows("token of a machine", (await machine_token(run.identity, machine)).json()["access_token"])
    assert (await machine_token(run.identity, machine | {"client_secret": run.nonsense})).status_code == 401
    key = Key()
    assertion = key.signs(await make_with(run.identity, bearer(following), key))
    run.knows("assertion of a machine", assertion)
    assert [(await show(run.identity, assertion)).status_code for _ in range(2)] == [200, 401]
    assert (await continue_(run.identity, tokens)).status_code == 400
    await forget(run.identity, email)
    run.links["to a new password"] = await link_to(run.identity, email, "password-reset")
    wrong = await run.identity.http.post("/sign-in", json={"email": email, "password": run.nonsense})
    assert wrong.status_code == 401
    assert (await follow(run.identity, "/password/reset", run.links["to a new password"])).status_code == 204
    await forget(run.identity, email)
    run.links["that nobody follows"] = await link_to(run.identity, email, "password-reset", 2)


async def _opens(run: Run, collection: str, what: str) -> None:
    """What is sealed in it, as nobody should see it."""
    found = await run.identity.database[collection].find().to_list()
    run.knows(what, *(RING.open(one["sealed"], one["_id"]) for one in found))


async def uses_second_factors(run: Run) -> None:
    """Codes of an app and for recovery; and two who want the same address."""
    people = [(await new_partner(run.identity))[1] for _ in range(2)]
    wanted = f"{word()}@shop.example.com"
    for email in people:
        tokens = await begin(run.identity, email)
        change = {"email": wanted, "proof": {"password": PASSWORD}}
        answer = await run.identity.http.post("/me/email", json=change, headers=bearer(tokens))
        assert answer.status_code == 202, answer.text
    links = [LINK.findall(one.content.text)[0][1] for one in await letters_to(run.identity, wanted, "email", 2)]
    run.links |= {f"to an address {count}": link for count, link in enumerate(links)}
    answers = [await run.identity.http.post("/email/confirm", json={"token": link}) for link in links]
    assert [answer.status_code for answer in answers] == [204, 409]
    app, recovery = await turn_on(run.identity, await begin(run.identity, people[1]))
    assert app.totp.secret
    run.knows("seed of codes", app.totp.secret)
    run.knows("recovery code", *recovery)
    for code, status in ((run.nonsense, 401), (app.code(), 200), (recovery[0], 200)):
        answer = await second_step(run.identity, await challenge(run.identity, people[1]), code)
        assert answer.status_code == status, answer.text


async def enters(run: Run) -> None:
    """A client's account, by exchange and by a code, of which another is left; and leaves it."""
    master, client = await connected(run.identity)
    entry, code, left_over = await master.enters(client.id), *[await master.code(client.id) for _ in range(2)]
    used = (await master.use(code)).json()
    run.knows("token of an entry", entry["access_token"], used["access_token"], master.own["refresh_token"])
    run.knows("way into an entry", code, left_over, VERIFIER)
    left = await run.identity.http.post("/entry/leave", json={}, headers=bearer(entry))
    assert left.status_code == 200, left.text


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
        wanted = message(company.partner_id, address, attachments=files)
        await outbox.io.publish(wanted, event_id=wanted.message_id, source="/notifications", trace=SAMPLED)
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


async def sends_texts(run: Run, company: Company) -> None:
    """Through a gateway that repeats its secret and what it was told, and reports that the text did not arrive."""
    _, account = await reporting(run.outbox, run.gateway, company.partner_id)
    run.knows("gateway", run.gateway.token, REPORTS_SECRET)
    wanted = sms(company.partner_id, number(), word())
    run.numbers.append(wanted.recipient.address.removeprefix("+"))
    echo = {"message": f"Bearer {run.gateway.token} {wanted.content.text}", "result": {"id": "7"}}
    run.gateway.script[wanted.recipient.address] = [Scripted(202, json.dumps(echo).encode())]
    await run.outbox.io.publish(wanted, event_id=wanted.message_id, source="/notifications", trace=SAMPLED)
    await eventually(run.gateway.posts, timeout=20)
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
