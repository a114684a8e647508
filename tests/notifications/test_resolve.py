"""The rules of who is told (A6–A9): examples, and properties that hold for everybody."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.events import Role
from notifications.domain import (
    MANAGER,
    ByEmail,
    ByRole,
    Entry,
    Nobody,
    Partner,
    Person,
    Recipient,
    TooManyEntries,
    Why,
    at,
    fold,
)
from notifications.resolving import next_in_chain
from notifications.resolving import resolve as resolution_of

OWNER = "owner@shop.example"
SHOP = Partner("prt", "Shop", "en", OWNER)
ROLES: tuple[Role, ...] = ("sales", "finance", MANAGER)


def resolve(entries: Sequence[Entry], people: Sequence[Person], partner: Partner) -> tuple[Recipient, ...]:
    return resolution_of(entries, people, partner).recipients


def person(name: str, *roles: Role) -> Person:
    return Person(f"per_{name}", name, f"{name}@shop.example", frozenset(roles))


def test_a_role_is_whoever_holds_it() -> None:
    """A7."""
    found = resolve([ByRole("sales")], [person("ann", "sales"), person("bob", "finance"), person("cyd", "sales")], SHOP)
    assert [one.name for one in found] == ["ann", "cyd"]


def test_two_roles_and_an_address_of_one_person_are_one_message_with_every_reason() -> None:
    """A7, A9."""
    entries = [ByRole("sales"), ByRole("finance"), ByEmail("ANN@shop.example")]
    [ann] = resolve(entries, [person("ann", "sales", "finance")], SHOP)
    assert [reason.words() for reason in ann.reasons] == [
        "holds the role sales",
        "holds the role finance",
        "listed by e-mail",
    ]


def test_an_address_may_belong_to_nobody() -> None:
    """A6."""
    [found] = resolve([ByEmail("warehouse@other.example")], [], SHOP)
    assert (found.address, found.person_id) == ("warehouse@other.example", None)


def test_where_nobody_holds_the_role_the_manager_stands_in() -> None:
    """A8."""
    [found] = resolve([ByRole("sales")], [person("mia", MANAGER)], SHOP)
    assert (found.name, found.reasons[0].why) == ("mia", Why.MANAGER_STANDS_IN)


def test_where_there_is_no_manager_the_owner_stands_in() -> None:
    """A8."""
    [found] = resolve([ByRole("sales")], [person("ann", "finance")], SHOP)
    assert (found.address, found.reasons[0].why) == (OWNER, Why.OWNER_STANDS_IN)


def test_the_reason_does_not_name_the_manager_twice() -> None:
    """A8, A9: on the default setting the manager is the role that nobody holds."""
    [found] = resolve([ByRole(MANAGER)], [], SHOP)
    assert found.reasons[0].words() == "there is no manager: the owner stands in"


def test_without_even_an_owner_it_is_not_silently_nobody() -> None:
    """A8."""
    with pytest.raises(Nobody):
        resolve([ByRole("sales")], [], Partner("prt", "Shop", "en", None))


def test_at_most_ten_entries_after_folding() -> None:
    """A6."""
    same: list[Entry] = [ByEmail("A@x.example"), ByEmail("a@x.example"), ByRole("sales"), ByRole("sales")]
    assert len(fold(same)) == 2
    assert len(fold(same + [ByEmail(f"{i}@x.example") for i in range(8)])) == 10
    with pytest.raises(TooManyEntries):
        fold(same + [ByEmail(f"{i}@x.example") for i in range(9)])


people = st.lists(
    st.builds(
        person,
        st.sampled_from(["ann", "bob", "Bob", "cyd", "dan"]),
        st.sampled_from(ROLES),
        st.sampled_from(ROLES),
    ),
    max_size=6,
)
entries = st.lists(
    st.one_of(
        st.sampled_from(ROLES).map(ByRole),
        st.sampled_from(["ann@shop.example", "BOB@shop.example", "x@other.example"]).map(ByEmail),
    ),
    min_size=1,
    max_size=10,
)


@given(entries, people)
def test_never_nobody_and_never_one_address_twice(entries: list[Entry], people: list[Person]) -> None:
    """A7, A8."""
    found = resolve(entries, people, SHOP)
    addresses = [one.address.casefold() for one in found]
    assert addresses
    assert len(addresses) == len(set(addresses))
    assert all(one.reasons for one in found)


@given(entries, people)
def test_only_those_who_are_meant(entries: list[Entry], people: list[Person]) -> None:
    """A7: whoever is told holds a listed role, is listed, or stands in because nobody is."""
    roles = {entry.role for entry in entries if isinstance(entry, ByRole)}
    listed = {entry.email.casefold() for entry in entries if isinstance(entry, ByEmail)}
    meant = {one.email.casefold() for one in people if one.roles & roles} | listed
    managers = {one.email.casefold() for one in people if MANAGER in one.roles}
    found = {one.address.casefold() for one in resolve(entries, people, SHOP)}
    assert found == (meant or managers or {OWNER})


def test_a_failure_is_told_to_the_manager_then_to_the_owner() -> None:
    """A8."""
    mia = person("mia", MANAGER)
    level, found = next_in_chain(0, "ann@shop.example", [mia], SHOP)
    assert (level, [one.address for one in found]) == (1, [mia.email])
    level, found = next_in_chain(1, mia.email, [mia], SHOP)
    assert (level, [one.address for one in found]) == (2, [OWNER])
    assert next_in_chain(2, OWNER, [mia], SHOP) == (2, ())


def test_who_just_failed_is_not_told_about_it() -> None:
    """A8."""
    level, found = next_in_chain(0, "MIA@shop.example", [person("mia", MANAGER)], SHOP)
    assert (level, [one.address for one in found]) == (2, [OWNER])
    assert next_in_chain(0, OWNER, [], SHOP)[1] == ()


@given(people, st.sampled_from(["ann@shop.example", "bob@shop.example", OWNER]))
def test_the_chain_always_ends(people: list[Person], failed: str) -> None:
    """A8: whatever fails, there are at most two further steps, and nobody hears of his own failure."""
    level = 0
    for _ in range(3):
        reached, found = next_in_chain(level, failed, people, SHOP)
        if not found:
            return
        assert reached > level
        assert failed.casefold() not in {one.address.casefold() for one in found}
        level, failed = reached, found[0].address
    raise AssertionError("the chain went on")


@pytest.mark.parametrize(
    ("pointer", "value"), [("/a/b", 1), ("/a/c", None), ("/x", None), ("/a/b/c", None), ("/s~1t", 2), ("", None)]
)
def test_a_json_pointer_names_a_member(pointer: str, value: object) -> None:
    data = {"a": {"b": 1}, "s/t": 2}
    assert at(data, pointer) == (value if pointer else data)
