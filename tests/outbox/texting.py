"""Gateway accounts and texts, for tests of the outbox."""

from typing import Any
from uuid import uuid4

from common.events import Content, MessageRequested
from tests.support.eventually import unique
from tests.support.gateways import Gateway
from tests.support.messages import message
from tests.support.platform import Service

BODY = {"to": "{to}", "text": "{text}", "from": "{sender}"}


def number() -> str:
    return f"+48{uuid4().int % 10**9:09}"


def sms(partner: str, to: str = "", text: str = "Order A-1", **changes: Any) -> MessageRequested:
    """A text for `to`, or for a new number."""
    return message(partner, to or number(), **{"channel": "sms", "content": Content(text=text), **changes})


def smsapi_fields(gateway: Gateway, **changes: Any) -> dict[str, Any]:
    """What is asked for an SMSAPI account at `gateway`."""
    fields = {"via": "smsapi", "name": "Texts", "sender": "Kettle", "url": gateway.url, "token": gateway.token}
    return {**fields, "is_default": True, **changes}


def http_fields(gateway: Gateway, **changes: Any) -> dict[str, Any]:
    """What is asked for an account at `gateway`, as one that takes JSON."""
    fields = {"via": "http", "name": "Texts", "channel": "sms", "sender": "Kettle", "url": f"{gateway.url}/messages"}
    fields |= {"secret": gateway.token, "body": BODY, "provider_id_at": "/result/id", "is_default": True}
    return {**fields, **changes}


async def add_account(outbox: Service, fields: dict[str, Any], partner: str = "") -> tuple[str, str]:
    """(partner, account id): the account of a new partner, or of `partner`."""
    partner = partner or unique("prt")
    answer = await outbox.http.post("/accounts", json=fields, headers=outbox.tokens.headers(partner))
    assert answer.status_code == 201, answer.text
    return partner, answer.json()["id"]


async def detail(outbox: Service, partner: str, message_id: str) -> dict[str, Any]:
    """A message with its attempts."""
    answer = await outbox.http.get(f"/messages/{message_id}", headers=outbox.tokens.headers(partner))
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: Any) -> tuple[int, str]:
    """(status, code) of a refusal."""
    return answer.status_code, answer.json()["type"].rpartition("/")[2]
