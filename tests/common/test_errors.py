"""What is nobody's fault but ours, so that waiting and trying again is right (F6)."""

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from common.errors import is_own_trouble


@pytest.mark.parametrize("code", [13, 18, 14031])
def test_a_database_that_lets_us_in_no_more_is_our_own_trouble(code: int) -> None:
    """F6: a password that was changed, or a full disk, makes no record a dead letter."""
    assert is_own_trouble(OperationFailure("no", code))
    assert is_own_trouble(AutoReconnect("away"))


def test_what_the_database_says_of_a_document_is_not() -> None:
    """F6: it would be tried for ever."""
    assert not is_own_trouble(OperationFailure("bad value", 2))
