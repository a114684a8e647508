"""JSON Merge Patch (RFC 7396): only what is sent changes, and null takes away."""

from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)

MEDIA_TYPE = "application/merge-patch+json"


def merged(model: type[M], current: Mapping[str, Any], patch: BaseModel) -> M:
    """The fields of `current` with those of `patch` that were sent. Raises RequestValidationError (422)."""
    changed = {**current, **patch.model_dump(exclude_unset=True)}
    try:
        return model.model_validate({name: value for name, value in changed.items() if value is not None})
    except ValidationError as error:
        raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from None
