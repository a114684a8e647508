"""The comparison of contracts finds each way of breaking somebody, and lets the harmless pass (F2)."""

from copy import deepcopy
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from tests.contracts.compatibility import breaks_publishers, breaks_readers

Schema = dict[str, Any]


class Line(BaseModel):
    name: str = Field(max_length=100)
    quantity: int = Field(default=1, ge=1, le=10)


class Released(BaseModel):
    """Has what the contracts have: limits, patterns, formats, optional fields, lists and parts."""

    id: str = Field(max_length=64, pattern="^a")
    state: Literal["new", "old"] = "new"
    total: str | None = Field(default=None, pattern="^[0-9]+$", max_length=24)
    lines: list[Line] = Field(default_factory=lambda: [], max_length=500)
    first: Line | None = None
    note: str = ""


RELEASED = Released.model_json_schema()


def changed(without: str = "", **fields: Any) -> Schema:
    """The released schema with some fields declared anew, or one left out."""
    kept: Any = {name: (field.annotation, field) for name, field in Released.model_fields.items() if name != without}
    return create_model("Changed", **kept | fields).model_json_schema()


def line(**fields: Any) -> Any:
    """A line with some fields declared anew."""
    return create_model("Line", __base__=Line, **fields)


HARMLESS = {
    "nothing": RELEASED,
    "a new optional field": changed(colour=(str, "")),
    "a new optional field of a part": changed(first=(line(unit=(str | None, None)) | None, None)),
    "other words": changed(note=(str, Field(default="-", description="What the customer said.", examples=["Hi"]))),
}


@pytest.mark.parametrize("new", HARMLESS.values(), ids=HARMLESS)
def test_what_is_harmless_passes(new: Schema) -> None:
    """F2."""
    assert breaks_publishers(RELEASED, new) + breaks_readers(RELEASED, new) == []


BREAKS_PUBLISHERS = {
    "a new required field": (changed(colour=(str, ...)), "data.colour became required: give it a default"),
    "an optional one required": (changed(note=(str, ...)), "data.note became required: give it a default"),
    "a required one of a part": (
        changed(lines=(list[line(unit=(str, ...))], [])),
        "data.lines[].unit became required: give it a default",
    ),
    "another type": (changed(note=(int, 0)), "data.note does not take string any more: keep taking it"),
    "null no more": (changed(first=(Line, Line(name="x"))), "data.first does not take null any more: keep taking it"),
    "a value no more": (changed(state=(Literal["new"], "new")), "data.state does not take 'old' any more"),
    "values where any would do": (
        changed(note=(Literal["a", "b"], "a")),
        "data.note does not take any other value any more",
    ),
    "a shorter text": (changed(id=(str, Field(max_length=10, pattern="^a"))), "data.id: maxLength is stricter"),
    "a limit where there was none": (changed(note=(str, Field(default="", max_length=9))), "data.note: maxLength"),
    "a higher minimum": (
        changed(lines=(list[line(quantity=(int, Field(2, ge=2, le=10)))], [])),
        "data.lines[].quantity: minimum is stricter (1 and 2)",
    ),
    "a shorter list": (changed(lines=(list[Line], Field([], max_length=5))), "data.lines: maxItems is stricter"),
    "another pattern": (changed(id=(str, Field(max_length=64, pattern="^b"))), "data.id: pattern is stricter"),
    "another pattern of an optional field": (
        changed(total=(str | None, Field(None, pattern="^[1-9]+$", max_length=24))),
        "data.total: pattern is stricter",
    ),
    "a stricter part of an optional field": (
        changed(first=(line(name=(str, Field(max_length=50))) | None, None)),
        "data.first.name: maxLength is stricter (100 and 50)",
    ),
    "a format": (
        changed(note=(str, Field(default="", json_schema_extra={"format": "date"}))),
        "data.note: format is stricter",
    ),
    "no unknown fields": ({**RELEASED, "additionalProperties": False}, "data: additionalProperties is stricter"),
}


@pytest.mark.parametrize(("new", "says"), BREAKS_PUBLISHERS.values(), ids=BREAKS_PUBLISHERS)
def test_what_breaks_a_publisher_is_found(new: Schema, says: str) -> None:
    """F2: with the place, what happened, and what to do."""
    [sentence] = breaks_publishers(RELEASED, new)
    assert says in sentence


BREAKS_READERS = {
    "a field is gone": (changed(without="note"), "data.note is gone: keep sending it"),
    "a required field is gone": (changed(without="id"), "data.id is gone: keep sending it"),
    "a field of a part is gone": (
        changed(first=(create_model("Line", name=(str, Field(max_length=100))) | None, None)),
        "data.first.quantity is gone: keep sending it",
    ),
    "a required field is optional": (
        changed(id=(str, Field(default="a", max_length=64, pattern="^a"))),
        "data.id may be missing now: keep it required",
    ),
    "a new value": (
        changed(state=(Literal["new", "old", "odd"], "new")),
        "data.state may be 'odd' now, which readers do not know: put it into a new field",
    ),
    "any value": (changed(state=(str, "new")), "data.state may be any other value now"),
    "null too": (changed(note=(str | None, None)), "data.note may be null now"),
    "another type": (changed(note=(int, 0)), "data.note may be integer now"),
    "a longer text": (changed(id=(str, Field(max_length=99, pattern="^a"))), "data.id: maxLength is looser"),
    "no limit any more": (changed(id=(str, Field(pattern="^a"))), "data.id: maxLength is looser"),
    "no pattern any more": (changed(id=(str, Field(max_length=64))), "data.id: pattern is looser"),
}


@pytest.mark.parametrize(("new", "says"), BREAKS_READERS.values(), ids=BREAKS_READERS)
def test_what_breaks_a_reader_is_found(new: Schema, says: str) -> None:
    """F2: with the place, what happened, and what to do."""
    [sentence] = breaks_readers(RELEASED, new)
    assert says in sentence


@pytest.mark.parametrize(("new", "says"), BREAKS_READERS.values(), ids=BREAKS_READERS)
def test_what_one_side_gains_the_other_loses(new: Schema, says: str) -> None:
    """F2: taking back what breaks readers would break those who publish by it, unless the field was optional."""
    if "is gone" not in says:
        assert breaks_publishers(new, RELEASED)


def test_what_cannot_be_compared_is_not_passed_over() -> None:
    """F2: a keyword that the comparison does not know is no reason to say that all is well."""
    new = deepcopy(RELEASED)
    new["properties"]["note"]["not"] = {"const": "x"}
    with pytest.raises(ValueError, match=r"data\.note: teach this module to compare not"):
        breaks_publishers(RELEASED, new)
