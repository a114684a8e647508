"""Requested messages and sender accounts, for tests of the outbox."""

from datetime import UTC, datetime
from typing import Any, Protocol

from common.events import Content, EventRef, MessageRequested, Recipient
from tests.support.eventually import eventually, unique
from tests.support.platform import Service


class Listening(Protocol):
    """A server at a port of the loopback."""

    @property
    def port(self) -> int: ...


def message(partner: str, address: str, **changes: Any) -> MessageRequested:
    """A message for `address`; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "message_id": unique("msg"),
        "partner_id": partner,
        "kind": "order.created",
        "recipient": Recipient(address=address, name="Ann", reasons=["holds the role sales"]),
        "content": Content(subject="New order", text="Hello", html="<p>Hello</p>"),
        "order_number": "A-1",
        "event": EventRef(source="/test", id="e", time=datetime.now(UTC)),
    }
    return MessageRequested(**(fields | changes))


async def request(service: Service, *messages: MessageRequested) -> None:
    """Publish messages as notifications does."""
    await service.io.publish_many([(one.message_id, one) for one in messages], source="/notifications")


async def sender_account(service: Service, mail: Listening, **changes: Any) -> tuple[str, str]:
    """(partner, account id): a new partner with a default account at a mail server of the test."""
    partner = changes.pop("partner", None) or unique("prt")
    body = {
        "name": "Shop",
        "from_address": "shop@kettle.example.com",
        "from_name": "Kettle",
        "host": "127.0.0.1",
        "port": mail.port,
        "tls": "none",
        "is_default": True,
    }
    answer = await service.http.post("/accounts", json=body | changes, headers=service.tokens.headers(partner))
    assert answer.status_code == 201, answer.text
    return partner, answer.json()["id"]


async def box(service: Service, partner: str, **query: Any) -> list[dict[str, Any]]:
    """The partner's box, newest first."""
    answer = await service.http.get("/messages", params=query, headers=service.tokens.headers(partner))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def settled(service: Service, partner: str, *statuses: str, timeout: float = 20) -> list[dict[str, Any]]:
    """The box once its messages have exactly these statuses, in any order."""

    async def has() -> list[dict[str, Any]]:
        found = await box(service, partner)
        return found if sorted(one["status"] for one in found) == sorted(statuses) else []

    return await eventually(has, timeout, f"{statuses}")
