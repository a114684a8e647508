"""Whose turn it is, when many wait (E6)."""

import asyncio
from contextlib import AsyncExitStack, suppress

from identity.passwords.clients import READY, Passwords
from identity.passwords.domain import Limits, Turns


def turns_of(turns: Turns[str]) -> list[str]:
    """Everybody who waits, in turn."""
    return list(iter(turns.next, None))


def test_each_source_has_a_turn_after_the_other() -> None:
    """E6: and within one, whoever came first."""
    turns = Turns[str](10)
    for one in ("a1", "a2", "a3", "b1", "c1", "b2"):
        assert turns.add(one[0], one) is None
    assert turns_of(turns) == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_a_source_that_comes_again_is_behind_the_others() -> None:
    """E6."""
    turns = Turns[str](10)
    for one in ("a1", "b1", "b2"):
        turns.add(one[0], one)
    assert turns.next() == "a1"
    turns.add("a", "a2")
    assert turns_of(turns) == ["b1", "a2", "b2"]


def test_the_last_of_the_largest_crowd_makes_room() -> None:
    """E6: as long as that is larger than one's own."""
    turns = Turns[str](3)
    for one in ("a1", "a2", "a3"):
        turns.add("a", one)
    assert turns.add("b", "b1") == "a3"
    assert turns.add("a", "a4") == "a4"
    assert turns.add("b", "b2") == "b2"
    assert turns.add("c", "c1") == "a2"
    assert turns.add("d", "d1") == "d1"
    assert turns_of(turns) == ["a1", "b1", "c1"]


def test_who_leaves_makes_room() -> None:
    """E6."""
    turns = Turns[str](1)
    turns.add("a", "a1")
    turns.remove("a", "a1")
    assert turns.add("b", "b1") is None
    assert turns_of(turns) == ["b1"]


async def test_a_turn_that_comes_to_one_who_has_just_gone_is_the_next_ones() -> None:
    """E6: or with each there would be one less, until nobody can sign in."""
    passwords = Passwords(Limits(at_once=1, waiting=10, wait_seconds=60))

    async def has_a_turn() -> None:
        async with passwords.turn():
            pass

    async with AsyncExitStack() as taken:
        for _ in range(READY):
            await taken.enter_async_context(passwords.turn())
        goes = asyncio.create_task(has_a_turn())
        await asyncio.sleep(0)
    goes.cancel()
    with suppress(asyncio.CancelledError):
        await goes
    async with AsyncExitStack() as all_of_them:
        for _ in range(READY):
            await asyncio.wait_for(all_of_them.enter_async_context(passwords.turn()), 5)
