"""Steps that tests of notifications share."""

from datetime import timedelta
from typing import Any

from httpx import Response

from common.events import MessageFailed, MessageRequested, MessageSent
from common.events.outbox import MessageFinished
from tests.support.eventually import eventually
from tests.support.platform import Service


async def knows(service: Service, partner: str, *addresses: str) -> None:
    """Wait until the service would tell these addresses of an order."""
    headers = service.tokens.headers(partner)

    async def told() -> bool:
        answer = await service.http.post("/kinds/order.created/dry-run", json={"order_number": "1"}, headers=headers)
        return answer.status_code == 200 and {one["address"] for one in answer.json()["recipients"]} == set(addresses)

    await eventually(told)


async def tells(service: Service, partner: str, *wanted: tuple[str, str], kind: str = "order.created") -> None:
    """Wait until the service would tell of a kind on just these (channel, address)."""
    headers = service.tokens.headers(partner)

    async def told() -> bool:
        answer = await service.http.post(f"/kinds/{kind}/dry-run", json={"order_number": "1"}, headers=headers)
        recipients = answer.json().get("recipients", [])
        return sorted((one["channel"], one["address"]) for one in recipients) == sorted(wanted)

    await eventually(told)


async def has_partner(service: Service, partner: str, version: int = 1) -> None:
    """Wait until the service has this state of the partner, though nobody of it could be told of anything."""

    async def there() -> bool:
        return await service.database["partners"].find_one({"_id": partner, "version": version}) is not None

    await eventually(there)


async def listed(service: Service, partner: str, kind: str, *entries: dict[str, Any]) -> None:
    """Set who receives a kind."""
    body = {"recipients": list(entries)}
    answer = await service.http.put(f"/settings/{kind}", json=body, headers=service.tokens.headers(partner))
    assert answer.status_code == 200, answer.text


async def became_of(service: Service, partner: str, event_id: str) -> dict[str, Any]:
    """What the partner is told about an event of the tests' source, as its one kind where there is one."""
    answer = await asked(service, partner, event_id)
    found = answer.json()
    return found["kinds"][0] if found.get("kinds") else found


async def asked(service: Service, partner: str, event_id: str, source: str = "/test") -> Response:
    """The answer to what became of an event."""
    query = {"source": source, "id": event_id}
    return await service.http.get("/events", params=query, headers=service.tokens.headers(partner))


async def waits(service: Service, partner: str, event_id: str) -> None:
    """Wait until the event is one that waits."""

    async def waiting() -> bool:
        return (await became_of(service, partner, event_id)).get("status") == "waiting"

    await eventually(waiting)


async def consumed(service: Service, topic: str, records: int) -> None:
    """Wait until the effect of so many records of the topic is durable."""
    line = f'switchboard_records_consumed_total{{topic="{topic}"}} {records}.0'

    async def done() -> bool:
        return line in (await service.http.get("/metrics")).text

    await eventually(done, what=line)


def failed(message: MessageRequested, reply: str = "550 5.1.1 no such mailbox", after: int = 0) -> MessageFailed:
    """What the outbox says when `message` could not be delivered, so many seconds after its event."""
    return MessageFailed(**_finished(message, after), reason="recipient_refused", provider_reply=reply)


def sent(message: MessageRequested, reply: str = "250 2.0.0 Ok: queued as 4Q9", after: int = 0) -> MessageSent:
    """What the outbox says when the provider accepted `message`."""
    return MessageSent(**_finished(message, after), provider_reply=reply)


def _finished(message: MessageRequested, after: int) -> dict[str, Any]:
    common = {name: getattr(message, name) for name in MessageFinished.model_fields if hasattr(message, name)}
    executed_at = message.event.time + timedelta(seconds=after)
    return common | {"executed_at": executed_at, "attempts": 1, "subject": message.content.subject}
