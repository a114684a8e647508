"""Every route of every service, asked by another company (F1).

The routes are those of the published OpenAPI documents: a new one fails here until it has a sample. What becomes of
tokens that are not good, or not good enough, is in `test_every_token.py`.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from common.auth.permissions import STAFF_ONLY
from common.events import OrderCreated
from tests.identity.entering import new_master, switch
from tests.support.company import Company, found_company
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.platform import Platform
from tests.support.routes import OPEN, SERVICES, Route, paths, routes

PERSON = {"first_name": "Eve", "last_name": "Other", "email": "eve@other.example.com", "roles": ["sales"]}
ADDRESS = {"types": ["warehouse"], "street": "Other 1", "city": "Other", "country": "PL"}
RECORD = {"kind": "person", "first_name": "Eve", "email": "eve@other.example.com"}
ACCOUNT = {"name": "Other", "from_address": "shop@other.example.com", "host": "127.0.0.1", "port": 2525, "tls": "none"}
USER = {"email": "eve@other.example.com", "name": "Eve", "password": "correct horse battery", "permissions": []}
SHIPPED = Path(__file__).parents[2] / "services/notifications/src/notifications/kinds/shipped"
KIND = json.loads((SHIPPED / "order.created.json").read_text())
IN_A_MONTH = (datetime.now(UTC) + timedelta(days=30)).isoformat()
JWK = {"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
UNPROVEN = {"proof": {"password": "wrong password"}}
BODIES: dict[str, Any] = {
    "POST /dead-letters/replay": {"reason": "not_json"},
    "POST /dead-letters/{letter_id}/discard": {"note": "Other"},
    "POST /persons": PERSON,
    "PUT /persons/{person_id}": PERSON,
    "PATCH /persons/{person_id}": {"first_name": "Eve"},
    "POST /persons/import": "first_name,last_name,email\nEve,Other,eve@other.example.com\n",
    "POST /addresses": ADDRESS,
    "PUT /addresses/{address_id}": ADDRESS,
    "PATCH /addresses/{address_id}": {"city": "Other"},
    "POST /records": RECORD,
    "PUT /records/{record_id}": RECORD,
    "PATCH /partner": {"language": "cs"},
    "POST /partners": {"name": "Other", "owner": {name: USER[name] for name in ("email", "name", "password")}},
    "POST /users": USER,
    "POST /machines": {"name": "Other", "permissions": ["outbox:read"]},
    "PUT /machines/{machine_id}/keys": {"jwks": {"keys": [JWK]}},
    "POST /machines/{machine_id}/secret": {"overlap_seconds": 60},
    "PATCH /users/{user_id}": {"name": "Eve"},
    "PUT /users/{user_id}/master": {"on": True},
    "PUT /partners/{partner_id}/masters": {"on": True},
    "PUT /partners/{partner_id}/clients/{client_id}": {"on": True},
    "PUT /partner-access/{partner_id}": {"permissions": ["crm:read"], "until": IN_A_MONTH},
    "POST /panel/{client_id}/code": {"code_challenge": "c" * 43},
    "POST /entry/leave": {},
    "PUT /me/password": {"password": "correct horse battery", **UNPROVEN},
    "POST /me/email": {"email": "eve@new.example.com", **UNPROVEN},
    "POST /me/second-factor": UNPROVEN,
    "POST /me/second-factor/confirmation": {"code": "000000"},
    "POST /me/second-factor/recovery-codes": UNPROVEN,
    "POST /me/second-factor/removal": UNPROVEN,
    "POST /me/passkeys": {"name": "Other", "credential": {}, **UNPROVEN},
    "PATCH /me/passkeys/{passkey_id}": {"name": "Other"},
    "POST /me/passkeys/{passkey_id}/removal": {"proof": {"password": "correct horse battery"}},
    "PUT /kinds/{kind}": KIND,
    "POST /kinds/preview": {"kind": KIND},
    "POST /kinds/{kind}/dry-run": {"order_number": "1"},
    "PUT /settings/{kind}": {"recipients": [{"role": "sales"}]},
    "PUT /settings/{kind}/digest": {"minutes": 5},
    "PUT /settings/{kind}/mute": {"until": IN_A_MONTH},
    "PUT /settings/{kind}/words/{language}": {"subject": "Other"},
    "PUT /quiet-hours": {"start": "22:00", "until": "06:00", "time_zone": "Europe/Warsaw"},
    "PUT /settings": {"keep_days": 30},
    "POST /attachments": "a;b\n",
    "POST /inbound/mail": "Subject: Other\n\nOther",
    "POST /domains": {"name": "other.example.com"},
    "POST /accounts": ACCOUNT,
    "PUT /accounts/{account_id}": ACCOUNT,
}
SIGNS_OUT = "DELETE /sessions"
"""Ends the access of whoever asks, so it is asked last."""
QUERIES = {"q": "secret", "source": "/test", "name": "other.csv"}


def signing_out_last() -> list[Route]:
    return sorted(routes(), key=lambda route: route.name == SIGNS_OUT)


class Victim:
    """A company that has something of everything, each with the word "secret" in it."""

    def __init__(self, company: Company, word: str) -> None:
        self.company = company
        self.word = word
        self.event_id = unique("e")
        self.ids: dict[str, str] = {
            "kind": "order.created",
            "language": "en",
            "version": "1",
            "order_number": word,
            "letter_id": "1",
            "passkey_id": "1",
            "number": "1",
        }

    async def fill(self, platform: Platform, mail: MailServer) -> None:
        call, word = self.company.call, self.word
        mia = await self.company.adds(word, "manager")
        self.ids["address"] = mia
        self.ids["person_id"] = (await call("contacts", "GET", "/persons"))["items"][0]["id"]
        self.ids["address_id"] = (await call("contacts", "POST", "/addresses", ADDRESS | {"street": word}))["id"]
        self.ids["record_id"] = (await call("crm", "POST", "/records", RECORD | {"first_name": word, "email": mia}))[
            "id"
        ]
        user = USER | {"name": word, "email": f"user-{mia}"}
        self.ids["user_id"] = (await call("identity", "POST", "/users", user))["id"]
        machine = {"name": word, "permissions": ["outbox:read"]}
        self.ids["machine_id"] = (await call("identity", "POST", "/machines", machine))["client_id"]
        self.ids["session_id"] = (await call("identity", "GET", "/sessions"))["items"][0]["id"]
        await self._is_about_to_be_entered()
        self.ids["account_id"] = (await call("outbox", "GET", "/accounts"))[0]["id"]
        self.ids["name"] = (await call("outbox", "POST", "/domains", {"name": f"{word}.example.com"}))["name"]
        await call("notifications", "PUT", "/settings/order.created/words/en", {"subject": word})
        await self.company.would_tell("order.created", {"order_number": "1"}, mia)
        order = OrderCreated(partner_id=self.company.partner_id, order_number=word)
        await platform.io.publish(order, event_id=self.event_id)
        await eventually(lambda: mail.to(mia))
        self.ids["message_id"] = (await self.company.box())[0]["id"]

        async def sent() -> bool:
            timeline = await call("crm", "GET", f"/records/{self.ids['record_id']}/timeline")
            [health] = await call("outbox", "GET", "/accounts/health")
            return (await self.company.box())[0]["status"] == "SENT" and len(timeline["items"]) == 1 and health["works"]

        await eventually(sent)

    async def _is_about_to_be_entered(self) -> None:
        """By a master user who waits for a confirmation."""
        identity, mine = self.company.services["identity"], self.company.partner_id
        master = await new_master(identity)
        await switch(identity, f"/partners/{master.partner_id}/clients/{mine}", True)
        given = {"permissions": ["crm:read"], "until": IN_A_MONTH, "confirm_each": True}
        await self.company.call("identity", "PUT", f"/partner-access/{master.partner_id}", given)
        self.ids |= {"partner_id": master.partner_id, "client_id": mine}
        self.ids["entry_id"] = (await master.asks(mine))["id"]

    async def everything(self) -> dict[str, str]:
        """What its own people see of it."""
        found: dict[str, str] = {}
        for route in routes():
            if route.method == "GET":
                found[f"{route.service} {route.path}"] = (await self.ask(route, self.company.headers)).text
        return found

    async def ask(self, route: Route, headers: dict[str, str]) -> httpx.Response:
        """Ask for what is this company's, with the token of somebody."""
        sample = BODIES.get(route.name)
        is_text = isinstance(sample, str)
        return await self.company.services[route.service].http.request(
            route.method,
            route.path.format(**self.ids),
            params={**QUERIES, "id": self.event_id},
            headers=headers | ({"Content-Type": "text/csv"} if is_text else {}),
            content=sample if is_text else None,
            json=None if is_text else sample,
        )


async def victim(platform: Platform, mail: MailServer) -> Victim:
    made = Victim(await found_company(platform, mail), unique("secret").replace("_", "-"))
    await made.fill(platform, mail)
    return made


def test_every_route_that_takes_something_has_a_sample() -> None:
    """The samples say that a route is tested with what it takes."""
    taking = set[str]()
    for service in SERVICES:
        for path, operations in paths(service).items():
            taking |= {f"{m.upper()} {path}" for m, one in operations.items() if "requestBody" in one}
    assert taking - {f"POST {path}" for path in OPEN} == set(BODIES)


def is_for_others(route: Route) -> bool:
    """For staff or master users, and the owner of a company is neither: so he hears of no id at all."""
    return route.permission in STAFF_ONLY or route.path.startswith("/panel/")


async def test_no_route_shows_or_changes_what_is_another_companys(platform: Platform, mail: MailServer) -> None:
    """F1: with an owner's token, and the ids of the other company."""
    one, stranger = await victim(platform, mail), await found_company(platform, mail)
    before = await one.everything()
    assert sum(one.word in text for text in before.values()) >= 10, "the company has something in every service"
    for route in signing_out_last():
        answer = await one.ask(route, stranger.headers)
        assert answer.status_code < 500, f"{route}: {answer.text}"
        assert one.word not in answer.text, f"{route} shows it"
        assert one.company.partner_id not in answer.text, f"{route} shows it"
        if "_id}" in route.path:
            assert answer.status_code == (403 if is_for_others(route) else 404), f"{route}: {answer.text}"
    after = await one.everything()
    assert stranger.partner_id not in "".join(after.values()), "nothing of him is in the audit log either"
    changed = {name for name in before if before[name] != after[name]}
    assert {name for name in changed if not name.startswith("identity /audit")} == set()
