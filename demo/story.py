"""The story that `make demo` plays: a partner is set up, events are published, everybody sees what happened.

Public interfaces only: HTTP as users use it, Kafka as a marketplace uses it, the mail server as recipients use it. The
SMS gateway is a stand-in that speaks as SMSAPI does, and ends with the story.
"""

import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from demo.addresses import Addresses
from demo.marketplace import SOURCE, new_trace, publish
from demo.people import Person, sign_in, until
from demo.waterfall import spans_of, waterfall
from tests.support.gateways import Gateway

PASSWORD_LENGTH = 18
PHONE = "601 234 567"
BOUNCE_DOMAIN = "bounces.switchboard.example"
STATUS_STYLE = {"SENT": "green", "ERROR": "red", "BOUNCED": "red", "WAITING": "yellow", "SENDING": "yellow"}
EXPECTED = 6
"""Order: sales by e-mail and SMS, the refused warehouse, the manager by escalation; invoices: finance, in one digest;
campaign: the manager by default."""
BEHIND = 1
"""Once a mail came back: the manager, who hears of it."""
ATTEMPTS_OF_THE_ORDER = 4
"""to sales (twice), to the warehouse (refused), to the manager"""
CATEGORY = "kitchen"
DIGEST_MINUTES = 60
ORDER, INVOICE, CAMPAIGN = "order.created", "invoice.issued", "campaign.launched"
SECOND_INVOICE = f"second {INVOICE}"


@dataclass
class Story:
    """One partner of this run: names and addresses are new each time, so that a second run adds to the first."""

    at: Addresses
    client: httpx.AsyncClient
    show: Console
    texts: Gateway
    run: str
    staff: Person
    owner: Person
    partner_id: str

    def address(self, name: str) -> str:
        return f"{name}@{self.run}.example"


async def begin(at: Addresses, client: httpx.AsyncClient, show: Console, texts: Gateway) -> Story:
    """Staff sign in and create a partner; its owner signs in."""
    run = f"kettle-{secrets.token_hex(2)}"
    show.rule("[bold]1 · A partner joins")
    staff = await sign_in(client, at.identity, at.staff_email, at.staff_password)
    show.print("staff signed in")
    owner = {"email": f"owner@{run}.example", "name": "Olga Owner", "password": secrets.token_urlsafe(PASSWORD_LENGTH)}
    body = {
        "name": f"Kettle & Sons ({run})", "language": "en", "country": "PL", "categories": [CATEGORY], "owner": owner,
    }  # fmt: skip
    partner = await staff.call("POST", f"{at.identity}/partners", body)
    partner_id = partner["partner_id"]
    show.print(f"staff created the partner [bold]{body['name']}[/] ({partner_id}), which sells in {CATEGORY}")
    signed_in = await sign_in(client, at.identity, owner["email"], owner["password"])
    show.print("its owner signed in")
    return Story(at, client, show, texts, run, staff, signed_in, partner_id)


async def set_up(story: Story) -> None:
    """The owner adds contact persons with roles, a sender account, and says who gets orders."""
    at, owner = story.at, story.owner
    story.show.rule("[bold]2 · The owner says who does what")
    persons = [
        ("Maria", "Manager", story.address("maria"), ["manager"]),
        ("Sam", "Sales", story.address("sam"), ["sales"]),
        ("Fiona", "Finance", story.address("fiona"), ["finance", "marketing"]),
    ]
    for first, last, email, roles in persons:
        body = {"first_name": first, "last_name": last, "email": email, "phone": PHONE, "roles": roles}

        async def added(body: dict[str, Any] = body) -> Any:  # a phone needs the country, which may be on its way
            return await _unless(422, owner.call("POST", f"{at.contacts}/persons", body))

        await until(added, f"adding {first}")
        story.show.print(f"contact person [bold]{first} {last}[/] <{email}>: {', '.join(roles)}")
    office = {"types": ["registered_office", "billing"], "street": "Piotrkowska 1", "city": "Łódź", "country": "PL"}
    address = await owner.call("POST", f"{at.contacts}/addresses", office)
    story.show.print(f"address [bold]{address['street']}, {address['city']}[/]: {', '.join(address['types'])}")
    lacks = await owner.call("GET", f"{at.contacts}/coverage")
    missing = [*lacks["missing_roles"], *lacks["missing_address_types"]]
    story.show.print(f"the setup still lacks {', '.join(missing)}")
    account = {
        "name": "Shop mail", "from_address": story.address("shop"), "from_name": "Kettle & Sons",
        "host": "127.0.0.1", "port": at.smtp_port, "tls": "none", "is_default": True, "bounce_domain": BOUNCE_DOMAIN,
    }  # fmt: skip
    made = await owner.call("POST", f"{at.outbox}/accounts", account)
    tested = await owner.call("POST", f"{at.outbox}/accounts/{made['id']}/test")
    story.show.print(f"sender account [bold]Shop mail[/]: {tested}")
    gateway = {"via": "smsapi", "name": "Shop texts", "sender": "Kettle", "url": story.texts.url, "is_default": True}
    made = await owner.call("POST", f"{at.outbox}/accounts", gateway | {"token": story.texts.token})
    tested = await owner.call("POST", f"{at.outbox}/accounts/{made['id']}/test")
    story.show.print(f"sender account [bold]Shop texts[/]: {tested}")
    entries = [{"role": "sales", "channels": ["email", "sms"]}, {"email": f"refused-warehouse@{story.run}.example"}]
    await owner.call("PUT", f"{at.notifications}/settings/{ORDER}", {"recipients": entries})
    await owner.call("PUT", f"{at.notifications}/settings/{INVOICE}", {"recipients": [{"role": "finance"}]})
    await owner.call("PUT", f"{at.notifications}/settings/{INVOICE}/digest", {"minutes": DIGEST_MINUTES})
    story.show.print("orders go to the role sales by e-mail and SMS, and to the warehouse [red](which will refuse)[/]")
    story.show.print(f"invoices go to the role finance, in one digest for {DIGEST_MINUTES} minutes")
    story.show.print("campaigns stay on their default, the role manager")


async def _unless(status: int, call: Awaitable[Any]) -> Any:
    """The answer, or None while it is this status."""
    try:
        return await call
    except RuntimeError as error:
        if f" {status} " in str(error):
            return None
        raise


def samples(story: Story) -> dict[str, dict[str, Any]]:
    """The data of an event of each kind."""
    number = f"PL-{story.run.upper()}-1"
    money = {"total": "249.90", "currency": "PLN"}
    return {
        ORDER: {
            "partner_id": story.partner_id, "order_number": number, **money,
            "lines": [{"name": "Kettle 1.7 l", "quantity": 2}],
        },
        INVOICE: {
            "partner_id": story.partner_id, "invoice_number": f"FV/{story.run}/1", "order_number": number, **money,
        },
        CAMPAIGN: {
            "campaign_id": story.run, "name": "Black Friday", "categories": [CATEGORY],
            "starts_on": "2026-11-27", "ends_on": "2026-11-30",
        },
    }  # fmt: skip


async def explain(story: Story) -> None:
    """Who would receive each kind, and why, before anything is published (A9)."""
    story.show.rule("[bold]3 · Who would receive what, and why")

    async def knows_everyone() -> bool:
        found = await _dry_run(story, ORDER)
        return any(one["address"] == story.address("sam") for one in found)

    await until(knows_everyone, "the contact persons reaching notifications")
    table = Table(box=None)
    for column in ("kind", "recipient", "why"):
        table.add_column(column)
    for kind in samples(story):
        for recipient in await _dry_run(story, kind):
            table.add_row(kind, recipient["address"], "; ".join(recipient["reasons"]))
    story.show.print(table)


async def _dry_run(story: Story, kind: str) -> list[dict[str, Any]]:
    url = f"{story.at.notifications}/kinds/{kind}/dry-run"
    answer = await story.owner.call("POST", url, samples(story)[kind])
    return answer["recipients"]


async def deliver(story: Story) -> str:
    """Publish the events and follow the outbox until all is decided. Returns the order's trace id."""
    story.show.rule("[bold]4 · The marketplace publishes, the outbox delivers")
    trace_id, traceparent = new_trace()
    data = samples(story)
    second = data[INVOICE] | {"invoice_number": f"FV/{story.run}/2"}
    named = [*((topic, topic, one) for topic, one in data.items()), (INVOICE, SECOND_INVOICE, second)]
    events = [
        (topic, story.partner_id, f"{story.run}-{name}", one, traceparent if topic == ORDER else new_trace()[1])
        for topic, name, one in named
    ]
    await publish(story.at.kafka, events)
    story.show.print(f"published {', '.join(topic for topic, *_ in events)} (source {SOURCE})")
    await collect(story)
    with Live(console=story.show, refresh_per_second=10) as live:

        async def all_decided() -> bool:
            messages = await messages_of(story)
            live.update(box_of(messages))
            return len(messages) >= EXPECTED and all(map(_is_decided, messages))

        await until(all_decided, "the delivery of every message", seconds=60)
    if not story.show.is_terminal:
        story.show.print()  # a table that was drawn once only does not end its line
    return trace_id


async def collect(story: Story) -> None:
    """Both invoices are collected for one e-mail; the owner does not wait for it."""
    at, owner = story.at, story.owner

    async def due() -> list[str]:
        events = [await _event(story, name) for name in (INVOICE, SECOND_INVOICE)]
        found = [kind["digest_due_at"] for event in events if event for kind in event["kinds"]]
        return found if len(found) == len(events) else []

    first, _ = await until(due, "both invoices being collected")
    story.show.print(f"two invoices are collected for one e-mail, due at {first[11:16]} UTC")
    await owner.call("DELETE", f"{at.notifications}/settings/{INVOICE}/digest")
    story.show.print("the owner gives up the digest, so it leaves now")


async def _event(story: Story, name: str) -> dict[str, Any] | None:
    """What became of one of the story's events; None before it was consumed."""
    url = f"{story.at.notifications}/events"
    return await _unless(404, story.owner.call("GET", url, source=SOURCE, id=f"{story.run}-{name}"))


def _is_decided(message: dict[str, Any]) -> bool:
    return message["status"] in ("SENT", "ERROR", "BOUNCED")


async def messages_of(story: Story) -> list[dict[str, Any]]:
    return (await story.owner.call("GET", f"{story.at.outbox}/messages", limit=50))["items"]


def box_of(messages: list[dict[str, Any]]) -> Table:
    table = Table(title="The outbox", title_justify="left", box=None)
    for column in ("kind", "channel", "recipient", "title", "order", "status", "why / error"):
        table.add_column(column)
    for one in reversed(messages):
        status = one["status"]
        why = one.get("error") or "; ".join(one["reasons"])
        style = STATUS_STYLE.get(status, "")
        row = (
            one["kind"],
            one["channel"],
            one["recipient"]["address"],
            one["title"],
            one["order_number"] or ", ".join(one["order_numbers"]),
            f"[{style}]{status}[/]",
            why,
        )
        table.add_row(*row)
    return table


async def explain_afterwards(story: Story, trace_id: str) -> None:
    """What became of the order: its event, its log, and its trace."""
    at, show = story.at, story.show
    show.rule("[bold]5 · Anyone can see what happened")

    async def known() -> dict[str, Any] | None:
        event = await _event(story, ORDER)
        told = [one for kind in event["kinds"] for one in kind["recipients"]] if event else []
        return event if all(map(_is_decided, told)) else None

    show.print("what became of the order's event:", await until(known, "what became of the order's event"))

    async def complete() -> list[dict[str, Any]]:
        spans = await spans_of(story.client, at.traces, trace_id)
        sent = [span for span in spans if span["name"].endswith("deliver")]
        return spans if len(sent) >= ATTEMPTS_OF_THE_ORDER else []

    show.print(waterfall(await until(complete, "the trace")))
    show.print(f"the same trace in the browser: {at.traces}/zipkin/traces/{trace_id}")


async def check_arrivals(story: Story) -> bool:
    """True when mail server and SMS gateway really have every message that the outbox calls SENT, or BOUNCED since."""
    messages = await messages_of(story)
    mails, texts = ([one for one in messages if one["channel"] == channel] for channel in ("email", "sms"))
    sent = sorted(one["recipient"]["address"] for one in mails if one["status"] != "ERROR")
    failed = [one for one in messages if one["status"] == "ERROR"]

    async def arrived() -> list[str]:
        inbox = (await story.client.get(f"{story.at.inbox}/api/email")).json()
        addresses = [one["address"] for mail in inbox for one in mail["to"] if story.run in one["address"]]
        return sorted(addresses) if len(addresses) >= len(sent) else []

    received = await until(arrived, "the arrival of every mail")
    are_sent = received == sent and len(story.texts.accepted) == len(texts) == 1
    ok = are_sent and len(failed) == 1 and len(messages) == EXPECTED + BEHIND
    story.show.print(
        f"\n[bold]{len(received)} mails arrived[/], one of them came back; {len(failed)} was refused. "
        "Of both the manager was told"
    )
    for one in story.texts.accepted:
        story.show.print(f"[bold]an SMS arrived[/] at {one.to} from {one.sender}: {one.text}")
    return ok
