"""What Switchboard itself says around the words of kinds: that a message could not be delivered, and digests."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from notifications.kinds.domain import FALLBACK, Templates


def escalation(language: str) -> Templates:
    """The words of a message that stands in for one that could not be delivered (A8)."""
    return _in(language, _words("escalation"))


def digest(language: str) -> Templates:
    """The words of one message about many events (A6)."""
    return _in(language, _words("digest"))


@cache
def _words(name: str) -> dict[str, Templates]:
    languages = json.loads((files("notifications.words") / f"{name}.json").read_text())
    return {language: Templates(**one) for language, one in languages.items()}


def _in(language: str, words: Mapping[str, Templates]) -> Templates:
    return words.get(language) or words[FALLBACK]
