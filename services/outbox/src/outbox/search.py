"""Recipients found by a part of their address: what is kept of an address, and what typed text must match (B5).

An address is kept as what begins at each of its words ("zofia.nowak@kettle.example": itself, "nowak@kettle.example",
"kettle.example", "example"), a phone number as what begins at each of its digits. So a part is the beginning of one of
these, and that is what an index is sorted by.
"""

import re

from bson.regex import Regex

from common.mongo import Document
from common.spelling import plain

MOST_WORDS = 16
SHORTEST_OF_PHONE = 3
_WORD = re.compile(r"[^\W_]+")
_PHONE = re.compile(r"\+\d+")
_TYPED_PHONE = re.compile(r"[+\d][\d\s().\-/]*")


def words(address: str) -> list[str]:
    """What an e-mail address or phone number is found by."""
    spelled = plain(address)
    if _PHONE.fullmatch(spelled):
        return [spelled, *(spelled[i:] for i in range(1, len(spelled) - SHORTEST_OF_PHONE + 1))]
    starts = [found.start() for found in _WORD.finditer(spelled)][:MOST_WORDS]
    return list(dict.fromkeys([spelled, *(spelled[start:] for start in starts)]))


def condition(typed: str) -> Document:
    """What `words` of a recipient fulfil that has what was typed as a part."""
    spelled = plain(typed.strip())
    begin = _WORD.search(spelled)
    wanted = {spelled, spelled[begin.start() :] if begin else spelled}
    if _TYPED_PHONE.fullmatch(spelled):
        wanted = {("+" if spelled.startswith("+") else "") + re.sub(r"\D", "", spelled), spelled}
    # Not `re.compile`, which says "u" of itself: of such an expression the database does not know where it begins.
    return {"$in": [Regex(f"^{re.escape(one)}") for one in sorted(wanted)]}
