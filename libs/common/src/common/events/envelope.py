"""CloudEvents 1.0 on Kafka: one record in, one typed event out, and the way back.

Binary mode (`ce_` headers, JSON value) is what we write; structured mode (`application/cloudevents+json`) is read too.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from common.errors import Poison

JSON_TYPE = "application/json"
STRUCTURED_TYPE = "application/cloudevents+json"
ONLY_FOR = "forpartner"
"""An extension attribute of an event that concerns many partners: this record is for one of them alone."""


class Event(BaseModel):
    """The data of an event, and where it is published. Strict types; unknown fields are left alone, so that a
    publisher may add some before we know them."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    TOPIC: ClassVar[str]
    """Both the Kafka topic and the CloudEvents `type`."""

    EXAMPLES: ClassVar[list[dict[str, Any]]] = []

    ANY_TYPE: ClassVar[bool] = False
    """Its topic may carry events of other CloudEvents types than `TOPIC`."""

    def key(self) -> str:
        """The record's key: events with the same key keep their order."""
        raise NotImplementedError


class State(Event):
    """The data of a state topic (compacted): the whole current state of one thing, each time.

    A reader keeps the state with the highest `version` and ignores what is older; `deleted` says the thing is gone.
    """

    version: int = Field(ge=1, description="Grows with every change of this thing.")
    deleted: bool = Field(default=False, description="True when the thing is gone; its other fields are then empty.")


class OpenEvent(Event):
    """The data of an event whose contract is its publisher's alone: any object. Made for a topic by `open_event`."""

    model_config = ConfigDict(extra="allow")

    ANY_TYPE: ClassVar[bool] = True


def open_event(topic: str) -> type[OpenEvent]:
    """The model of the events of a topic that we know nothing of."""
    return type("OpenEvent", (OpenEvent,), {"TOPIC": topic})


class Record(Protocol):
    """What is read of a Kafka record (aiokafka's `ConsumerRecord` fits)."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Any: ...


E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record came from."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class Received(Generic[E]):
    """An event that was read and understood. `source` and `id` together identify it, `type` is its CloudEvents type;
    `trace` is the W3C traceparent to continue, if any; `only_for` the one partner that it is repeated for."""

    id: str
    source: str
    type: str
    time: datetime
    data: E
    trace: str | None
    origin: Origin
    only_for: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record ready to be produced. `value` None is a tombstone."""

    topic: str
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]

    @property
    def size(self) -> int:
        """In bytes."""
        headers = sum(len(name.encode()) + len(text or b"") for name, text in self.headers)
        return len(self.key) + len(self.value or b"") + headers


def encode(
    event: Event, *, event_id: str, source: str, time: datetime | None = None, trace: str | None = None
) -> Outgoing:
    """The record that announces `event` in CloudEvents' binary mode."""
    value = event.__pydantic_serializer__.to_json(event)
    return _outgoing(event.TOPIC, event.TOPIC, event.key(), value, event_id, source, time, trace)


def encode_trusted(
    model: type[Event], key: str, fields: Mapping[str, Any], *, event_id: str, source: str, time: datetime,
    trace: str | None,
) -> Outgoing:  # fmt: skip
    """The same of plain `fields` that are known to keep the contract of `model`: nothing is checked or filled in.

    For what kept a contract when it came in and only passes through; it costs less than half of making the model too.
    """
    return _outgoing(model.TOPIC, model.TOPIC, key, to_json(fields), event_id, source, time, trace)


def encode_open(
    topic: str, event_type: str, key: str, data: Mapping[str, Any], *, event_id: str, source: str, time: datetime,
    trace: str | None,
) -> Outgoing:  # fmt: skip
    """The record of an event whose contract is not ours."""
    return _outgoing(topic, event_type, key, to_json(data), event_id, source, time, trace)


def _outgoing(
    topic: str, event_type: str, key: str, value: bytes, event_id: str, source: str, time: datetime | None,
    trace: str | None,
) -> Outgoing:  # fmt: skip
    headers = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", source.encode()),
        ("ce_type", event_type.encode()),
        ("ce_time", (time or datetime.now(UTC)).isoformat().encode()),
    ]
    if trace:
        headers.append(("traceparent", trace.encode()))
    return Outgoing(topic, key.encode(), value, headers)


def tombstone(event: Event) -> Outgoing:
    """The record that lets the broker forget `event`'s key in a compacted topic."""
    return Outgoing(event.TOPIC, event.key().encode(), None, [])


def decode(record: Record, model: type[E]) -> Received[E]:
    """The typed event in `record`. Raises `Poison` with a reason when it breaks the contract.

    Errors name fields and rules, never values: what is in a record may be somebody's address.
    """
    headers = _headers(record)
    if record.value is None:
        raise Poison("empty", "the record has no value")
    attributes, body = _opened(headers, record.value)
    _check(attributes, model)
    try:
        data = model.model_validate_json(body)
    except ValidationError as error:
        raise Poison("breaks_contract", _places(error)) from None
    return Received(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time=_time(attributes.get("time")),
        data=data,
        trace=headers.get("traceparent") or attributes.get("traceparent"),
        origin=Origin(record.topic, record.partition, record.offset),
        only_for=attributes.get(ONLY_FOR),
    )


def attributes_of(value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    """The CloudEvents attributes of any record, broken ones included, as far as they can be read."""
    readable = {name.lower(): text.decode(errors="replace") for name, text in headers if text is not None}
    try:
        return _opened(readable, value or b"")[0]
    except Poison:
        return {}


def _opened(headers: Mapping[str, str], value: bytes) -> tuple[dict[str, str], bytes]:
    """Attributes and data, of either mode. Raises Poison."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == STRUCTURED_TYPE:
        return _structured(value)
    return {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}, value


def _headers(record: Record) -> dict[str, str]:
    try:
        return {name.lower(): value.decode() for name, value in record.headers if value is not None}
    except UnicodeDecodeError:
        raise Poison("bad_headers", "a header is not UTF-8") from None


def _structured(value: bytes) -> tuple[dict[str, str], bytes]:
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        raise Poison("not_json", "the value is not JSON") from None
    if not isinstance(document, dict) or "data" not in document:
        raise Poison("bad_envelope", "structured mode needs an object with `data`")
    attributes = {name: text for name, text in document.items() if name != "data" and isinstance(text, str)}
    return attributes, json.dumps(document["data"]).encode()


def _check(attributes: dict[str, str], model: type[Event]) -> None:
    missing = [name for name in ("specversion", "id", "source", "type") if not attributes.get(name)]
    if missing:
        raise Poison("bad_envelope", f"missing CloudEvents attributes: {', '.join(missing)}")
    if attributes["specversion"] != "1.0":
        raise Poison("bad_envelope", "specversion must be 1.0")
    if attributes["type"] != model.TOPIC and not model.ANY_TYPE:
        raise Poison("wrong_type", f"expected type {model.TOPIC}")
    if len(attributes["id"]) > 200 or len(attributes["source"]) > 200:
        raise Poison("bad_envelope", "id and source are at most 200 characters")


def _time(text: str | None) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Poison("bad_envelope", "time must be RFC 3339") from None


def _places(error: ValidationError) -> str:
    """Where and which rule, at most five, without values."""
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    if problems and problems[0]["type"] == "json_invalid":
        raise Poison("not_json", "the value is not JSON") from None
    places = [f"{'.'.join(map(str, problem['loc'])) or 'data'}: {problem['type']}" for problem in problems[:5]]
    return "; ".join(places)
