"""The comparison of contracts finds each way of breaking somebody, and lets the harmless pass (F2)."""

from typing import Any

import pytest

from tests.contracts.compatibility import breaks_publishers, breaks_readers

OLD: dict[str, Any] = {
    "properties": {
        "id": {"type": "string", "maxLength": 64, "pattern": "^a"},
        "state": {"enum": ["new", "old"], "type": "string"},
        "lines": {"type": "array", "items": {"properties": {"n": {"type": "integer", "minimum": 1}}}},
    },
    "required": ["id"],
}


def changed(**properties: Any) -> dict[str, Any]:
    return {**OLD, "properties": OLD["properties"] | properties}


def test_a_new_optional_field_breaks_nobody() -> None:
    new = changed(colour={"type": "string", "default": ""})
    assert breaks_publishers(OLD, new) == breaks_readers(OLD, new) == []


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ({**changed(colour={"type": "string"}), "required": ["id", "colour"]}, "data.colour became required"),
        (changed(id={"type": "string", "maxLength": 10, "pattern": "^a"}), "maxLength fell"),
        (changed(id={"type": "string", "maxLength": 64, "pattern": "^b"}), "pattern changed"),
        (changed(id={"type": "integer"}), "does not take string"),
        (changed(state={"enum": ["new"], "type": "string"}), "does not take 'old'"),
        (changed(lines={"type": "array", "items": {"properties": {"n": {"type": "integer", "minimum": 2}}}}), "rose"),
    ],
)
def test_what_breaks_a_publisher_is_found(new: dict[str, Any], says: str) -> None:
    assert says in "\n".join(breaks_publishers(OLD, new))


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ({"properties": {"id": OLD["properties"]["id"]}, "required": ["id"]}, "data.state is gone"),
        ({**OLD, "required": []}, "data.id may be missing"),
        (changed(state={"enum": ["new", "old", "odd"], "type": "string"}), "may be 'odd'"),
        (changed(id={"anyOf": [{"type": "string"}, {"type": "null"}]}), "may be null"),
    ],
)
def test_what_breaks_a_reader_is_found(new: dict[str, Any], says: str) -> None:
    assert says in "\n".join(breaks_readers(OLD, new))
