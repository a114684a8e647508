"""Whatever a broken publisher sent, the database takes it as a dead letter, and it comes back as it was (F6)."""

from typing import Any

import bson
from aiokafka import ConsumerRecord
from hypothesis import example, given
from hypothesis import strategies as st

from common.dead_letters.consumers import LONGEST_TEXT, letter_of

NAMES = st.sampled_from(["content-type", "ce_id", "CE_SOURCE", "dlq_reason", "dlq_offset", "dlq_partition"]) | st.text()
VALUES = st.none() | st.binary() | st.sampled_from([b"application/cloudevents+json", b"9" * 30, b"-1"])
Headers = list[tuple[str, Any]]
STRUCTURED: Headers = [("content-type", b"application/cloudevents+json")]


def record(value: bytes | None, headers: Headers, key: bytes | None = b"k", offset: int = 5) -> "Read":
    topic = "p.order.created.notifications.dlq"
    return ConsumerRecord(topic, 0, offset, 1_764_000_000_000, 0, key, value, None, 0, 0, headers)


Read = ConsumerRecord[bytes, bytes]


@given(st.none() | st.binary(), st.lists(st.tuples(NAMES, VALUES)), st.none() | st.binary())
@example(b'{"data": 1, "id": "\\ud800", "source": "\\u0000"}', STRUCTURED, None)
@example(b"[" * 5_000, STRUCTURED, b"\xff")
@example(b'{"data": 1, "id": "' + b"x" * 5_000 + b'"}', STRUCTURED, b"k" * 5_000)
def test_any_record_is_kept_whole(value: bytes | None, headers: Headers, key: bytes | None) -> None:
    letter = letter_of(record(value, headers, key), "p.", "notifications")
    assert letter is not None
    kept = bson.decode(bson.encode(letter))
    assert kept["record"]["value"] == value
    original = [(name, text) for name, text in headers if not name.startswith("dlq_")]
    assert [(one["name"], one["value"]) for one in kept["record"]["headers"]] == original
    assert all(len(text) <= LONGEST_TEXT for text in kept.values() if isinstance(text, str))


def test_the_identity_of_an_event_is_read_in_either_mode() -> None:
    """Also where something else of it is broken."""
    binary = letter_of(record(b"{", [("ce_id", b"e"), ("ce_source", b"/s"), ("x", b"\xff")]), "p.", "notifications")
    value = b'{"id": "e", "source": "/s", "data": {}}'
    structured = letter_of(record(value, STRUCTURED), "p.", "notifications")
    for letter in (binary, structured):
        assert letter is not None
        assert (letter["event_id"], letter["source"], letter["event_type"]) == ("e", "/s", None)


def test_a_place_is_told_from_another_by_what_was_there() -> None:
    """A topic that was made anew counts its offsets from the beginning again."""
    headers = [("dlq_partition", b"0"), ("dlq_offset", b"7")]
    one, same, other = (letter_of(record(value, headers, offset=n), "p.", "notifications") for n, value in VERSIONS)
    assert one is not None
    assert same is not None
    assert other is not None
    assert one["_id"] == same["_id"] != other["_id"]


VERSIONS = ((1, b"x"), (2, b"x"), (3, b"y"))
