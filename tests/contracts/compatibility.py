"""Would a change of a contract break somebody who keeps to the version before?

Two sides can break. A **publisher** breaks when what it rightly sends is refused now: something became required, a
type or limit became narrower. A **reader** breaks when what it rightly relies on is gone: a field that was always
there is optional or missing, a value may be of a kind that could not be before.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

LOWER = ("minLength", "minimum", "minItems")
UPPER = ("maxLength", "maximum", "maxItems")


def breaks_publishers(released: Schema, now: Schema) -> list[str]:
    """What those who send `released` would run into."""
    return list(_narrowed(_resolved(released), _resolved(now), "data"))


def breaks_readers(released: Schema, now: Schema) -> list[str]:
    """What those who read `released` would run into."""
    return list(_lost(_resolved(released), _resolved(now), "data"))


def _narrowed(before: Schema, after: Schema, place: str) -> Iterator[str]:
    for name in sorted(set(after.get("required", [])) - set(before.get("required", []))):
        yield f"{place}.{name} became required: give it a default"
    yield from _tighter(before, after, place)
    gone = _kinds(before) - _kinds(after)
    if gone and _kinds(after):
        yield f"{place} does not take {', '.join(sorted(gone))} any more: keep taking it"
    for name, schema in before.get("properties", {}).items():
        if name in after.get("properties", {}):
            yield from _narrowed(schema, after["properties"][name], f"{place}.{name}")
    if "items" in before and "items" in after:
        yield from _narrowed(before["items"], after["items"], f"{place}[]")


def _tighter(before: Schema, after: Schema, place: str) -> Iterator[str]:
    for limit in LOWER:
        if limit in after and after[limit] > before.get(limit, float("-inf")):
            yield f"{place}: {limit} rose to {after[limit]}: take it back"
    for limit in UPPER:
        if limit in after and after[limit] < before.get(limit, float("inf")):
            yield f"{place}: {limit} fell to {after[limit]}: take it back"
    if "pattern" in after and after["pattern"] != before.get("pattern"):
        yield f"{place}: the pattern changed: what was good may be refused now"


def _lost(before: Schema, after: Schema, place: str) -> Iterator[str]:
    properties = after.get("properties", {})
    for name, schema in before.get("properties", {}).items():
        if name not in properties:
            yield f"{place}.{name} is gone: keep sending it"
        else:
            yield from _lost(schema, properties[name], f"{place}.{name}")
    for name in sorted(set(before.get("required", [])) - set(after.get("required", []))):
        yield f"{place}.{name} may be missing now: keep it required"
    new = _kinds(after) - _kinds(before)
    if new and _kinds(before):
        yield f"{place} may be {', '.join(sorted(new))} now, which readers do not know: use a new field"
    if "items" in before and "items" in after:
        yield from _lost(before["items"], after["items"], f"{place}[]")


def _kinds(schema: Schema) -> set[str]:
    """The types and fixed values that a schema takes; empty for anything."""
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in _kinds(one)}
    if "enum" in schema:
        return {repr(value) for value in schema["enum"]}
    if "const" in schema:
        return {repr(schema["const"])}
    return {schema["type"]} if "type" in schema else set()


def _resolved(schema: Schema) -> Schema:
    """The schema with its `$ref`s put in place."""
    definitions = schema.get("$defs", {})

    def put(part: Any) -> Any:
        if isinstance(part, dict):
            if "$ref" in part:
                return put(definitions[part["$ref"].rpartition("/")[2]])
            return {name: put(value) for name, value in part.items() if name not in ("$defs", "examples")}
        return [put(one) for one in part] if isinstance(part, list) else part

    return put(schema)
