"""What a password may cost (E6)."""

import time

from identity.domain import check_password

SIGNS = "4@8({[<369!1|0$5+7%2"
"""Each may stand for a letter, and some for several."""


def seconds(password: str) -> float:
    """Of a core, the quickest of some."""
    took: list[float] = []
    for _ in range(3):
        began = time.thread_time()
        check_password(password, [])
        took.append(time.thread_time() - began)
    return min(took)


def test_a_long_password_of_signs_takes_little_longer_than_a_short_one() -> None:
    """E6: it is weighed in a thread that lets nothing else get on, and whoever signs in waits for it."""
    assert seconds(f"{SIGNS}aeioslaeioslaeio{SIGNS}aeiosloeai{SIGNS}"[:72]) < 6 * seconds(SIGNS)
