"""What people type, and what it finds: words by their beginning, whatever their case and accents (A1)."""

import re
from collections.abc import Iterable

from common.mongo import Document
from common.spelling import plain

_PHONE = re.compile(r"(?:\+|\(?\d)[\d\s().\-/]*")
_WORDS = re.compile(r"[\s\-]+")
MOST_WORDS = 6


def tokens(names: Iterable[str], email: str, phones: Iterable[str]) -> list[str]:
    """What a person is found by: each word of the names, the e-mail, and the phone in all ways it is written."""
    found = {word for name in names for word in (plain(name), *_WORDS.split(plain(name))) if word}
    return sorted(found | {plain(email), *phones})


def query(typed: str) -> list[Document]:
    """The conditions that tokens must fulfil for what was typed: each word begins one of them."""
    typed = typed.replace("\x00", " ").strip()  # the database takes none in an expression
    if _PHONE.fullmatch(typed):
        wanted = [("+" if typed.startswith("+") else "") + re.sub(r"\D", "", typed)]
    else:
        wanted = [word for word in plain(typed).split() if word][:MOST_WORDS]
    return [{"search": {"$regex": f"^{re.escape(word)}"}} for word in wanted]
