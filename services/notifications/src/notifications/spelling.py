"""Names and what is typed of them, written alike, so that "lodz" finds "Łódź" (A6)."""

import re
from collections.abc import Iterable

from common.spelling import plain

LONGEST_WORD = 100
"""What is longer is compared by its beginning."""
LONGEST_START = 12
"""Starts are kept up to this length; what is typed beyond it is compared with the few words that are left."""
MOST_WORDS = 20
"""More words than this of one name are not found, so that nobody's name can fill an index."""

_BETWEEN_WORDS = re.compile(r'[\x00-\x20\s,;<>()"]+')
_BETWEEN_PARTS = re.compile(r"[\W_]+")


def words(text: str) -> list[str]:
    """The different words of what was typed, plain."""
    return list(dict.fromkeys(word[:LONGEST_WORD] for word in _BETWEEN_WORDS.split(plain(text)) if word))


def words_and_parts(name: str) -> list[str]:
    """The words of a name, plain, and what a hyphen or the like joins in them: Nowak-Król is found by "kro" too."""
    found = words(name)
    parts = [part for word in found for part in _BETWEEN_PARTS.split(word) if part]
    return list(dict.fromkeys([*found, *parts]))[:MOST_WORDS]


def starts(of_words: Iterable[str]) -> list[str]:
    """Everything with which one of the words starts; what an index is asked for."""
    return sorted({word[:length] for word in of_words for length in range(1, min(len(word), LONGEST_START) + 1)})


def each_starts_one(typed: Iterable[str], of_words: Iterable[str]) -> bool:
    """Whether each of the typed words starts one of the others."""
    known = list(of_words)
    return all(any(word.startswith(one) for word in known) for one in typed)
