"""A kind that no installation has: staff write it, and another system publishes its events on a topic of its own."""

from datetime import UTC, datetime
from typing import Any

from httpx import Response

from common.auth import STAFF_ONLY
from common.events import MessageRequested
from common.events.envelope import encode_open
from tests.support.platform import Service

KIND = "return.opened"
TOPIC = "warehouse.returns"
TYPE = "com.warehouse.return.opened.v1"
BODY: dict[str, Any] = {
    "names": {"en": "Return opened", "pl": "Nowy zwrot"},
    "topic": TOPIC,
    "type": TYPE,
    "audience": {"partner": "/seller/id"},
    "order_number": "/order/number",
    "language": "/buyer/language",
    "default_role": "rma",
    "priority": 2,
    "channels": ["email", "sms"],
    "templates": {
        "en": {
            "subject": "Return of {{ data.order.number }}",
            "intro": "{{ partner.name }} gets a return.",
            "text": "{{ intro }} Reason: {{ data.reason }}",
            "html": "<p>{{ intro }} Reason: <b>{{ data.reason }}</b></p>",
            "sms": "Return of {{ data.order.number }}: {{ data.reason }}",
        },
        "pl": {
            "subject": "Zwrot zamówienia {{ data.order.number }}",
            "intro": "Zwrot do firmy {{ partner.name }}.",
            "text": "{{ intro }} Powód: {{ data.reason }}",
            "html": "<p>{{ intro }} Powód: <b>{{ data.reason }}</b></p>",
            "sms": "Zwrot {{ data.order.number }}: {{ data.reason }}",
        },
    },
    "example": {
        "seller": {"id": "prt_7f3k2m"},
        "order": {"number": "PL-1"},
        "buyer": {"language": "pl"},
        "reason": "scratched",
    },
}


async def define(service: Service, kind: str = KIND, *, if_match: str = "", **changes: Any) -> Response:
    """Staff write the kind; `changes` replace its fields."""
    headers = service.tokens.headers("platform", *STAFF_ONLY) | ({"If-Match": if_match} if if_match else {})
    return await service.http.put(f"/kinds/{kind}", json=BODY | changes, headers=headers)


async def defined(service: Service, kind: str = KIND, **changes: Any) -> int:
    """The same, and it is accepted; returns the version."""
    answer = await define(service, kind, **changes)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()["version"]


async def opened(
    service: Service, partner: str, event_id: str, *, event_type: str = TYPE, key: str = "", **data: Any
) -> None:
    """The warehouse publishes a return of the partner; `data` replace what is in it."""
    body = BODY["example"] | {"seller": {"id": partner}} | data
    record = encode_open(
        TOPIC, event_type, key or partner, body,
        event_id=event_id, source="/warehouse", time=datetime.now(UTC), trace=None,
    )  # fmt: skip
    await service.io.publish_raw(record.topic, key=record.key, value=record.value, headers=record.headers)


async def told(service: Service, event_id: str, count: int = 1) -> list[MessageRequested]:
    """The messages about an event, once there are so many."""
    found = await service.io.follow(MessageRequested).wait_for(lambda e: e.data.event.id == event_id, count)
    return [one.data for one in found]


async def read(service: Service, path: str = f"/kinds/{KIND}") -> Any:
    """What staff read of kinds."""
    answer = await service.http.get(path, headers=service.tokens.headers("platform", *STAFF_ONLY))
    assert answer.status_code == 200, answer.text
    return answer.json()
