"""Every route of every service, asked without a token, without the permission, and by another company (A5, B7, F1).

The routes are those of the published OpenAPI documents: a new one fails here until it has a sample.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from common.auth import Permission
from common.events import OrderCreated
from tests.architecture.test_routes import OPEN
from tests.contracts.test_contracts import GENERATOR
from tests.identity.entering import new_master, switch
from tests.support.company import Company, found_company
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.platform import Platform

DOCUMENTS = Path(__file__).parents[2] / "contracts" / "openapi"

NEEDS_NO_PERMISSION = {
    "GET /roles": "a list that is the same for everybody",
    "GET /address-types": "the same",
    "GET /kinds": "the same",
    "GET /kinds/{kind}": "the same",
    "GET /permissions": "a list that is the same for everybody",
    "GET /sessions": "where whoever asks is signed in",
    "DELETE /sessions": "about the sessions of whoever asks",
    "DELETE /sessions/{session_id}": "the same",
    "GET /me": "about whoever asks",
    "PUT /me/password": "about whoever asks, with a proof that it is he",
    "POST /me/email": "the same",
    "GET /me/second-factor": "about whoever asks",
    "POST /me/second-factor": "about whoever asks, with a proof that it is he",
    "POST /me/second-factor/confirmation": "about whoever asks, who began it with a proof",
    "POST /me/second-factor/recovery-codes": "about whoever asks, with a proof that it is he",
    "POST /me/second-factor/removal": "the same",
    "GET /me/passkeys": "about whoever asks",
    "POST /me/passkeys/challenge": "the same",
    "POST /me/passkeys": "about whoever asks, with a proof that it is he",
    "PATCH /me/passkeys/{passkey_id}": "about whoever asks",
    "POST /me/passkeys/{passkey_id}/removal": "about whoever asks, with a proof that it is he",
    "POST /me/email/confirmation": "about whoever asks",
    "GET /partner": "about the company of whoever asks",
    "GET /panel": "about whoever asks, who is marked as a master user",
    "POST /panel/{client_id}/request": "the same",
    "POST /panel/{client_id}/code": "the same",
    "DELETE /panel/{client_id}/entry": "the same",
    "GET /entry": "about whoever asks, who acts for somebody else",
    "POST /entry/leave": "the same",
}

PERSON = {"first_name": "Eve", "last_name": "Other", "email": "eve@other.example.com", "roles": ["sales"]}
ADDRESS = {"types": ["warehouse"], "street": "Other 1", "city": "Other", "country": "PL"}
RECORD = {"kind": "person", "first_name": "Eve", "email": "eve@other.example.com"}
ACCOUNT = {"name": "Other", "from_address": "shop@other.example.com", "host": "127.0.0.1", "port": 2525, "tls": "none"}
USER = {"email": "eve@other.example.com", "name": "Eve", "password": "correct horse battery", "permissions": []}
SHIPPED = Path(__file__).parents[2] / "services/notifications/src/notifications/kinds/shipped"
KIND = json.loads((SHIPPED / "order.created.json").read_text())
IN_A_MONTH = (datetime.now(UTC) + timedelta(days=30)).isoformat()
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
    "PUT /settings/{kind}/mute": {"until": "2026-12-24T00:00:00Z"},
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


def routes() -> Iterator[tuple[str, str, str]]:
    """(service, method, path) of all that is published."""
    found = [
        (service, method.upper(), path)
        for service in GENERATOR.SERVICES
        for path, operations in json.loads((DOCUMENTS / f"{service}.json").read_text())["paths"].items()
        for method in operations
        if path not in OPEN
    ]
    yield from sorted(found, key=lambda route: f"{route[1]} {route[2]}" == SIGNS_OUT)


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
        for service, method, path in routes():
            if method == "GET":
                answer = await self.ask(service, method, path, self.company.headers)
                found[f"{service} {path}"] = answer.text
        return found

    async def ask(self, service: str, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        """Ask for what is this company's, with the token of somebody."""
        sample = BODIES.get(f"{method} {path}")
        is_text = isinstance(sample, str)
        return await self.company.services[service].http.request(
            method,
            path.format(**self.ids),
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
    for service in GENERATOR.SERVICES:
        for path, operations in json.loads((DOCUMENTS / f"{service}.json").read_text())["paths"].items():
            taking |= {f"{m.upper()} {path}" for m, one in operations.items() if "requestBody" in one}
    assert taking - {f"POST {path}" for path in OPEN} == set(BODIES)


async def test_no_route_answers_without_a_token_or_without_the_permission(platform: Platform, mail: MailServer) -> None:
    """A5, B7: 401 without a token; 403 that names the permission with a token that has none."""
    one = await victim(platform, mail)
    nobody = platform.tokens.sign(one.company.partner_id)
    for service, method, path in routes():
        answer = await one.ask(service, method, path, {})
        assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
        answer = await one.ask(service, method, path, {"Authorization": f"Bearer {nobody}"})
        if f"{method} {path}" not in NEEDS_NO_PERMISSION:
            assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
            assert any(permission in answer.text for permission in Permission), answer.text


async def test_no_route_shows_or_changes_what_is_another_companys(platform: Platform, mail: MailServer) -> None:
    """F1: with an owner's token, and the ids of the other company."""
    one, stranger = await victim(platform, mail), await found_company(platform, mail)
    before = await one.everything()
    assert sum(one.word in text for text in before.values()) >= 10, "the company has something in every service"
    for service, method, path in routes():
        answer = await one.ask(service, method, path, stranger.headers)
        assert answer.status_code < 500, f"{method} {path}: {answer.text}"
        assert one.word not in answer.text, f"{method} {path} shows it"
        assert one.company.partner_id not in answer.text, f"{method} {path} shows it"
        if "_id}" in path:
            assert answer.status_code in (403, 404), f"{method} {path}: {answer.status_code}"
    after = await one.everything()
    assert {name for name in before if before[name] != after[name]} == set()
