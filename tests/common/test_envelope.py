"""Reading CloudEvents (F2): everything that may stand in a topic is understood, or refused with a reason."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Poison
from common.events import MessageRequested, OrderCreated, encode
from common.events.envelope import decode

GOOD = {"partner_id": "prt_1", "order_number": "A-1"}
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
BINARY = [("ce_specversion", b"1.0"), ("ce_id", b"e1"), ("ce_source", b"/s"), ("ce_type", b"order.created")]


@dataclass
class Record:
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=lambda: list(BINARY))
    topic: str = "order.created"
    partition: int = 0
    offset: int = 7
    key: bytes | None = b"prt_1"


def structured(**changes: Any) -> Record:
    document = {"specversion": "1.0", "id": "e1", "source": "/s", "type": "order.created", "data": GOOD} | changes
    return Record(json.dumps(document).encode(), list(STRUCTURED))


def test_what_is_written_is_read_back() -> None:
    """F2."""
    event = OrderCreated(partner_id="prt_1", order_number="A-1", total="1.50", currency="PLN")
    out = encode(event, event_id="e1", source="/s", trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    got = decode(Record(out.value, out.headers), OrderCreated)
    assert (got.id, got.source, got.data, got.origin.offset) == ("e1", "/s", event, 7)
    assert got.trace is not None


def test_structured_mode_is_read_too() -> None:
    """F2: with what a binary record has in headers in the value."""
    got = decode(structured(time="2026-11-23T11:00:00+01:00", traceparent="00-1"), OrderCreated)
    assert (got.id, got.source, got.trace, got.data.order_number) == ("e1", "/s", "00-1", "A-1")
    assert got.time == datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_unknown_fields_are_left_alone() -> None:
    """F2: a publisher may add fields before we know them."""
    assert decode(Record(json.dumps(GOOD | {"new": {"x": 1}}).encode()), OrderCreated).data.partner_id == "prt_1"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record(None), "empty"),
        (Record(b"{not json"), "not_json"),
        (Record(b"\xff\xfe"), "not_json"),
        (Record(b"[]"), "breaks_contract"),
        (Record(b'{"partner_id": 5, "order_number": "A"}'), "breaks_contract"),
        (Record(json.dumps({"partner_id": "p"}).encode()), "breaks_contract"),
        (Record(json.dumps(GOOD | {"lines": [{"name": "x" * 1_000_000, "quantity": 1}]}).encode()), "breaks_contract"),
        (Record(b"{}", [("ce_id", b"1")]), "bad_envelope"),
        (Record(b"{}", [*BINARY[1:], ("ce_specversion", b"0.3")]), "bad_envelope"),
        (Record(b"{}", [*BINARY[:3], ("ce_type", b"invoice.issued")]), "wrong_type"),
        (Record(b"{}", [*BINARY, ("ce_time", b"yesterday")]), "breaks_contract"),
        (Record(json.dumps(GOOD).encode(), [*BINARY, ("ce_time", b"yesterday")]), "bad_envelope"),
        (Record(json.dumps(GOOD).encode(), [*BINARY, ("ce_time", b"0001-01-01T00:00:00+23:59")]), "bad_envelope"),
        (Record(json.dumps(GOOD).encode(), [*BINARY, ("ce_id", b"x" * 201)]), "bad_envelope"),
        (Record(json.dumps(GOOD).encode(), [*BINARY, ("ce_source", b"")]), "bad_envelope"),
        (Record(b"{}", [*BINARY, ("x", b"\xff\xfe")]), "bad_headers"),
        (Record(b"[" * 200_000), "not_json"),
        (structured(data=5), "breaks_contract"),
        (structured(id=None), "bad_envelope"),
        (structured(id=7), "bad_envelope"),
        (structured(specversion="0.3"), "bad_envelope"),
        (structured(type="invoice.issued"), "wrong_type"),
        (structured(time="yesterday"), "bad_envelope"),
        (Record(b"{not json", STRUCTURED), "not_json"),
        (Record(b"5", STRUCTURED), "bad_envelope"),
        (Record(b"{}", STRUCTURED), "bad_envelope"),
        (Record(b"[" * 200_000, STRUCTURED), "not_json"),
    ],
)
def test_every_bad_record_has_its_reason(record: Record, reason: str) -> None:
    """F6: the reason is a stable code that an operator can act on."""
    with pytest.raises(Poison) as refused:
        decode(record, OrderCreated)
    assert refused.value.reason == reason


SECRETS = st.sampled_from(["anna.SECRET@x.example", "SECRET", ["SECRET"], {"SECRET": "SECRET"}, {"address": "SECRET"}])
FIELDS = [*MessageRequested.model_fields, "surprise"]
ATTRIBUTES = ["specversion", "id", "source", "type", "time", "traceparent", "data"]


@given(st.dictionaries(st.sampled_from(FIELDS), SECRETS))
def test_a_refusal_never_quotes_the_contents(changes: dict[str, Any]) -> None:
    """A record may hold an address; the reason goes into headers and logs."""
    [example] = MessageRequested.EXAMPLES
    headers = [*BINARY[:3], ("ce_type", b"message.requested")]
    value = json.dumps(example | {"version": "SECRET", "event": "SECRET"} | changes).encode()
    for record in (Record(value, headers), structured(type="message.requested", data=json.loads(value))):
        with pytest.raises(Poison) as refused:
            decode(record, MessageRequested)
        assert "SECRET" not in str(refused.value)


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), SECRETS, min_size=1))
def test_a_refusal_never_quotes_the_envelope(changes: dict[str, Any]) -> None:
    """A broken publisher may put anything anywhere."""
    refusal = ""
    try:
        decode(structured(**changes), OrderCreated)
    except Poison as refused:
        refusal = str(refused)
    assert "SECRET" not in refusal


@given(st.binary(max_size=300), st.sampled_from([BINARY, STRUCTURED, []]))
def test_any_bytes_are_understood_or_refused(value: bytes, headers: list[tuple[str, bytes]]) -> None:
    """F6: no byte sequence gets past as another kind of error."""
    with suppress(Poison):
        decode(Record(value, headers), OrderCreated)
