"""Whose turn it is (fairness): the most urgent first, then one after the other."""

from outbox.due import LAST, Due


def test_an_account_with_an_order_comes_before_those_with_a_campaign() -> None:
    due = Due()
    for account in ("a", "b", "c"):
        due.add(account, 5)
    due.add("c", 0)
    assert due.in_turn() == ["c", "a", "b"]


def test_accounts_with_equally_urgent_mail_take_turns() -> None:
    due = Due()
    for account in ("a", "b", "c"):
        due.add(account, 5)
    due.discard("a")
    due.add("a", LAST)
    due.add("a", 5)
    assert due.in_turn() == ["b", "c", "a"]


def test_of_whom_nothing_is_known_is_asked_first_and_what_is_known_stays() -> None:
    due = Due()
    due.add("campaign", 5)
    due.update(["campaign", "unknown"])
    assert due.in_turn() == ["unknown", "campaign"]


def test_what_is_less_urgent_does_not_hold_up_what_is_more_urgent() -> None:
    due = Due()
    due.add("b", 3)
    due.add("a", 0)
    due.add("a", 9)
    assert due.in_turn() == ["a", "b"]
