"""What Switchboard itself says: that a message could not be delivered, digests, and the pages to unsubscribe."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from notifications.kinds.domain import FALLBACK, Templates

T = TypeVar("T")


def escalation(language: str) -> Templates:
    """The words of a message that stands in for one that could not be delivered (A8)."""
    return _in(language, _words("escalation"))


def digest(language: str) -> Templates:
    """The words of one message about many events (A6)."""
    return _in(language, _words("digest"))


def unsubscribing(language: str) -> Mapping[str, str]:
    """The words of the pages that a link to unsubscribe leads to (A6); some are templates."""
    return _in(language, _read("unsubscribe"))


@cache
def _words(name: str) -> dict[str, Templates]:
    return {language: Templates(**one) for language, one in _read(name).items()}


@cache
def _read(name: str) -> dict[str, Any]:
    return json.loads((files("notifications.words") / f"{name}.json").read_text())


def _in(language: str, words: Mapping[str, T]) -> T:
    return words.get(language) or words[FALLBACK]
