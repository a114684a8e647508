"""What is wrong with a request, and where in it, in words for a caller who sees only what he sent."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi.exceptions import RequestValidationError

NO_JSON = "Send the body as JSON, with the header `Content-Type: application/json`."
NO_FILE = "Send the file itself as the body, with its own `Content-Type`, and not as JSON."
MOST_PLACES = 100
"""So many are listed."""


def wrongs(error: RequestValidationError) -> list[dict[str, str]]:
    """Each with its `place`, the `problem` and the `rule`; none repeats what was sent."""
    return [
        {"place": "/".join(map(str, _place(one, error.body))), "problem": _words(one, error.body), "rule": one["type"]}
        for one in cast(Sequence[Mapping[str, Any]], error.errors()[:MOST_PLACES])
    ]


def _words(one: Mapping[str, Any], body: Any) -> str:
    if one["type"] == "json_invalid":
        return f"This is no JSON from its character {one['loc'][-1]} on."
    if one["loc"] == ("body",) and isinstance(body, bytes) and one["type"] != "missing":
        return NO_JSON
    if one["loc"] == ("body",) and one["type"] == "bytes_type":
        return NO_FILE
    if one["type"] in ("too_short", "too_long") and one["ctx"]["field_type"] == "Value":  # so it calls a SecretStr
        return str(one["msg"]).replace(" item", " character")
    return one["msg"].removeprefix("Value error, ")


def _place(one: Mapping[str, Any], body: Any) -> list[str | int]:
    """Without the cases of unions, which pydantic names like fields: they stand nowhere in what was sent."""
    if one["type"] == "json_invalid":
        return ["body"]
    first, *rest = one["loc"]
    if first != "body" or not isinstance(body, Mapping):
        return list(one["loc"])
    place: list[str | int] = [first]
    here: Any = body
    for number, part in enumerate(rest, 1):
        is_missing = number == len(rest) and one["type"] == "missing"
        if not (_has(here, part) or is_missing or part == "[key]"):
            continue
        place.append(part)
        here = here[part] if _has(here, part) else None
    return place


def _has(here: Any, part: str | int) -> bool:
    if isinstance(here, Mapping):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and part < len(cast(list[Any], here))
