"""Text written alike, so that what is typed finds it: "lodz" finds "Łódź"."""

import unicodedata

# Letters that Unicode does not take apart into a plain one and its mark, and signs that keyboards write in two ways.
_PLAIN = str.maketrans(
    {
        "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th",
        "’": "'", "‘": "'", "‐": "-", "–": "-",
    }
)  # fmt: skip


def plain(text: str) -> str:
    """Without case and diacritics: Łódź is lodz, Strauß is strauss."""
    if text.isascii():  # most are, and this is ten times quicker
        return text.casefold()
    # Folding may compose and taking apart may make capitals, so each is done after the other.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_PLAIN)
