"""Reading CloudEvents (F2): everything that may stand in a topic is understood, or refused with a reason."""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Poison
from common.events import OrderCreated, encode
from common.events.envelope import decode

GOOD = {"partner_id": "prt_1", "order_number": "A-1"}
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
    return Record(json.dumps(document).encode(), [("content-type", b"application/cloudevents+json; charset=utf-8")])


def test_what_is_written_is_read_back() -> None:
    """F2."""
    event = OrderCreated(partner_id="prt_1", order_number="A-1", total="1.50", currency="PLN")
    out = encode(event, event_id="e1", source="/s", trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    got = decode(Record(out.value, out.headers), OrderCreated)
    assert (got.id, got.source, got.data, got.origin.offset) == ("e1", "/s", event, 7)
    assert got.trace is not None


def test_structured_mode_is_read_too() -> None:
    """F2."""
    assert decode(structured(), OrderCreated).data.order_number == "A-1"


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
        (Record(b"{}", [*BINARY, ("x", b"\xff\xfe")]), "bad_headers"),
        (structured(data=5), "breaks_contract"),
        (Record(b"5", [("content-type", b"application/cloudevents+json")]), "bad_envelope"),
    ],
)
def test_every_bad_record_has_its_reason(record: Record, reason: str) -> None:
    """F6: the reason is a stable code that an operator can act on."""
    with pytest.raises(Poison) as refused:
        decode(record, OrderCreated)
    assert refused.value.reason == reason


@given(st.dictionaries(st.sampled_from(["partner_id", "order_number", "total", "placed_at"]), st.just("SECRET")))
def test_a_refusal_never_quotes_the_contents(data: dict[str, str]) -> None:
    """A record may hold an address; the reason goes into headers and logs."""
    with pytest.raises(Poison) as refused:
        decode(Record(json.dumps(data | {"lines": "SECRET"}).encode()), OrderCreated)
    assert "SECRET" not in refused.value.detail


@given(st.binary(max_size=300))
def test_any_bytes_are_understood_or_refused(value: bytes) -> None:
    """F6: no byte sequence gets past as another kind of error."""
    with suppress(Poison):
        decode(Record(value), OrderCreated)
