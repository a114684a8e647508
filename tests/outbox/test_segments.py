"""How many parts an SMS has (3GPP TS 23.038 and 23.040; B1)."""

import pytest

from outbox.segments import Segments, segments_of

EXTENDED = "\f^{}\\[~]|€"


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "parts"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("à Ω\n@" * 32, "gsm7", 160, 1),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),
        ("ż" * 70, "ucs2", 70, 1),
        ("ż" * 71, "ucs2", 71, 2),
        ("ż" * 134, "ucs2", 134, 2),
        ("ż" * 135, "ucs2", 135, 3),
        ("a" * 160 + "ż", "ucs2", 161, 3),
        ("😀" * 35, "ucs2", 70, 1),
        ("😀" * 36, "ucs2", 72, 2),
        ("😀" * 67, "ucs2", 134, 3),
    ],
)
def test_parts_are_counted_as_a_phone_gets_them(text: str, alphabet: str, units: int, parts: int) -> None:
    """B1: alone 160 or 70; of more parts 153 or 67 each, and no part ends within a character."""
    counted = segments_of(text)
    assert (counted.alphabet, counted.units, counted.parts) == (alphabet, units, parts)


@pytest.mark.parametrize("character", EXTENDED)
def test_a_character_of_the_extension_counts_two(character: str) -> None:
    """B1."""
    assert segments_of(character) == Segments("gsm7", 2, 1)


@pytest.mark.parametrize("character", "`ąćęłńóśźż“–çÁ\t")
def test_one_other_character_makes_all_of_it_ucs2(character: str) -> None:
    """B1: `ç` too, though its capital is in the alphabet."""
    assert segments_of("a" * 69 + character) == Segments("ucs2", 70, 1)
