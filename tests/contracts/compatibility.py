"""Would a change of a contract break somebody who keeps to the version released before?

Two sides can break. A **publisher** breaks when what it rightly sends is refused now. A **reader** breaks when what it
gets now would have been refused by the released contract, or lacks a field that it could count on. Both are one
question asked in two directions: is there a value that the one schema takes and the other does not?

New optional fields break nobody: readers leave alone what they do not know.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

LOWER = ("minLength", "minimum", "minItems")
UPPER = ("maxLength", "maximum", "maxItems")
RULES = ("pattern", "format", "additionalProperties")
"""What may appear or change only by narrowing, as far as one can tell from outside."""
SHAPE = ("type", "enum", "const", "anyOf", "properties", "required", "items")
WORDS = ("$schema", "$id", "$defs", "title", "description", "default", "examples")
"""What is for people, and refuses nothing."""
KNOWN = {*LOWER, *UPPER, *RULES, *SHAPE, *WORDS}


@dataclass(frozen=True)
class Narrowing:
    """A place where one schema refuses what the other takes: `what` is missing, not taken, or a stricter `keyword`."""

    place: str
    keyword: str
    what: str


def breaks_publishers(released: Schema, now: Schema) -> list[str]:
    """What those who send `released` would run into, and what to do instead."""
    say = {
        "required": "{0.place} became required: give it a default",
        "type": "{0.place} does not take {0.what} any more: keep taking it",
    }
    strict = "{0.place}: {0.keyword} is stricter ({0.what}): what was good may be refused, take it back"
    found = _narrowings(_resolved(released), _resolved(now), "data")
    return [say.get(one.keyword, strict).format(one) for one in found]


def breaks_readers(released: Schema, now: Schema) -> list[str]:
    """What those who read `released` would run into, and what to do instead."""
    say = {
        "required": "{0.place} may be missing now: keep it required",
        "type": "{0.place} may be {0.what} now, which readers do not know: put it into a new field",
    }
    wide = "{0.place}: {0.keyword} is looser than it was ({0.what}): readers may refuse the new values, take it back"
    gone = list(_gone(_resolved(released), _resolved(now), "data"))
    found = [one for one in _narrowings(_resolved(now), _resolved(released), "data") if one.place not in gone]
    return [f"{place} is gone: keep sending it" for place in gone] + [
        say.get(one.keyword, wide).format(one) for one in found
    ]


def _narrowings(taken: Schema, by: Schema, place: str) -> Iterator[Narrowing]:
    """Where `by` refuses what `taken` takes. Of alternatives (`anyOf`), each is held against the one that fits best."""
    for one in _alternatives(taken):
        fitting = [other for other in _alternatives(by) if _fits(one.get("type"), other.get("type"))]
        if fitting:
            yield from min((list(_narrowed(one, other, place)) for other in fitting), key=len)
        else:
            yield Narrowing(place, "type", str(one.get("type", "anything")))


def _narrowed(taken: Schema, by: Schema, place: str) -> Iterator[Narrowing]:
    for schema in (taken, by):
        if unknown := set(schema) - KNOWN:
            raise ValueError(f"{place}: teach this module to compare {', '.join(sorted(unknown))}")
    yield from _stricter(taken, by, place)
    for name in sorted(set(by.get("required", [])) - set(taken.get("required", []))):
        yield Narrowing(f"{place}.{name}", "required", "missing")
    theirs, ours = taken.get("properties", {}), by.get("properties", {})
    for name in sorted(theirs.keys() & ours.keys()):
        yield from _narrowings(theirs[name], ours[name], f"{place}.{name}")
    if "items" in by:
        yield from _narrowings(taken.get("items", {}), by["items"], f"{place}[]")


def _stricter(taken: Schema, by: Schema, place: str) -> Iterator[Narrowing]:
    values, left = _values(taken), _values(by)
    if left is not None:
        for value in sorted(values - left) if values is not None else ["any other value"]:
            yield Narrowing(place, "type", value)
    for limit in LOWER:
        if limit in by and by[limit] > taken.get(limit, float("-inf")):
            yield Narrowing(place, limit, f"{taken.get(limit, 'none')} and {by[limit]}")
    for limit in UPPER:
        if limit in by and by[limit] < taken.get(limit, float("inf")):
            yield Narrowing(place, limit, f"{taken.get(limit, 'none')} and {by[limit]}")
    for rule in RULES:
        if by.get(rule, True) not in (True, taken.get(rule)):
            yield Narrowing(place, rule, f"{taken.get(rule, 'none')} and {by[rule]}")


def _gone(released: Schema, now: Schema, place: str) -> Iterator[str]:
    """The fields that `now` has no more."""
    after = [one for one in _alternatives(now) if "properties" in one]
    for before in _alternatives(released):
        for name, schema in before.get("properties", {}).items():
            here = f"{place}.{name}"
            still = [one["properties"][name] for one in after if name in one["properties"]]
            if still:
                yield from _gone(schema, still[0], here)
            elif after:
                yield here
        if "items" in before:
            lists = [one["items"] for one in _alternatives(now) if "items" in one]
            for items in lists[:1]:
                yield from _gone(before["items"], items, f"{place}[]")


def _alternatives(schema: Schema) -> list[Schema]:
    return [part for one in schema["anyOf"] for part in _alternatives(one)] if "anyOf" in schema else [schema]


def _fits(taken: str | None, by: str | None) -> bool:
    return by is None or taken == by or (taken, by) == ("integer", "number")


def _values(schema: Schema) -> set[str] | None:
    """The fixed values that a schema takes; None for any."""
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(value) for value in schema["enum"]} if "enum" in schema else None


def _resolved(schema: Schema) -> Schema:
    """The schema with its `$ref`s put in place."""
    definitions: Schema = schema.get("$defs", {})

    def put(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return put(definitions[part["$ref"].rpartition("/")[2]])
            return {name: put(value) for name, value in part.items()}
        return [put(one) for one in part] if isinstance(part, list) else part

    return put(schema)
