"""How many parts an SMS has, by its alphabet (3GPP TS 23.038 and 23.040). No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Written as two: an escape, and a character of the basic alphabet."""
_LIMITS = {"gsm7": (160, 153), "ucs2": (70, 67)}
"""Units of a message that is alone, and of each part of a longer one: its header takes the rest."""


@dataclass(frozen=True, slots=True)
class Segments:
    """An SMS as it is sent and paid for. `units` are septets or UTF-16 code units."""

    alphabet: Literal["gsm7", "ucs2"]
    units: int
    parts: int


def segments_of(text: str) -> Segments:
    """The parts of `text`; one character outside of the 7-bit alphabet makes all of it UCS-2."""
    if _BASIC.issuperset(text) or (_BASIC | _EXTENDED).issuperset(text):
        alphabet, widths = "gsm7", [2 if character in _EXTENDED else 1 for character in text]
    else:
        alphabet, widths = "ucs2", [2 if character > "\uffff" else 1 for character in text]
    alone, each = _LIMITS[alphabet]
    units = sum(widths)
    return Segments(alphabet, units, 1 if units <= alone else _packed(widths, each))


def _packed(widths: Iterable[int], most: int) -> int:
    """How many parts of `most` units hold all; what is two units is never split."""
    parts, left = 1, most
    for width in widths:
        if width > left:
            parts, left = parts + 1, most
        left -= width
    return parts
