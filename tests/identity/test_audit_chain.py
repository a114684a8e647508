"""Whatever is done to a log that was sealed, is found (E6)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.audit.domain import Check, Entry, Fact, Flaw, Wrong

BEGAN = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


def fact(number: int, **said: str) -> Fact:
    """One that differs from the others by its number."""
    found = Fact(
        id=f"aud_{number}",
        partner_id="prt_1",
        at=BEGAN + timedelta(milliseconds=number),
        user_id="usr_1",
        actor={"user_id": "usr_2", "partner_id": "prt_2"} if number % 2 else None,
        session_id="ent_1",
        network="203.0.113.0/24",
        service="contacts",
        action="PATCH /persons/{person_id}",
        target={"person_id": f"per_{number}"},
        details={"permissions": ["crm:read"]},
        outcome="done",
        status=200,
    )
    return replace(found, **said)  # pyright: ignore[reportArgumentType]


def log_of(count: int) -> list[Entry]:
    entries: list[Entry] = []
    for number in range(count):
        entries.append(Entry.after(entries[-1] if entries else None, fact(number)))
    return entries


def flaws(entries: Sequence[Entry], sealed: Sequence[Entry]) -> list[Flaw]:
    """What is found in `entries` of which `sealed` were announced."""
    check = Check("prt_1", {one.sequence: one.hash for one in sealed})
    return [flaw for one in entries for flaw in check.take(one)] + list(check.end())


LOGS = st.integers(min_value=1, max_value=12).map(log_of)
PLACES = st.data()


@given(LOGS)
def test_a_log_that_nobody_touched_is_whole(log: list[Entry]) -> None:
    """E6: also where its last entries were not announced yet."""
    assert flaws(log, log) == []
    assert flaws(log, log[:-1]) == []


@given(LOGS, PLACES)
def test_an_entry_that_was_taken_out_is_missed(log: list[Entry], data: st.DataObject) -> None:
    """E6: and its place is named."""
    gone = data.draw(st.sampled_from(log))
    found = flaws([one for one in log if one is not gone], log)
    assert [flaw.sequence for flaw in found] == [gone.sequence]
    assert found[0].wrong is (Wrong.CUT_OFF if gone is log[-1] else Wrong.MISSING)


@given(LOGS, PLACES)
def test_a_log_that_was_cut_off_is_found_by_its_seals(log: list[Entry], data: st.DataObject) -> None:
    """E6: what is left is a good chain."""
    left = data.draw(st.integers(min_value=0, max_value=len(log) - 1))
    assert flaws(log[:left], log) == [Flaw("prt_1", one.sequence, Wrong.CUT_OFF) for one in log[left:]]
    assert flaws(log[:left], []) == []


CHANGES = {
    "id": "aud_x",
    "partner_id": "prt_x",
    "at": BEGAN - timedelta(days=1),
    "user_id": "usr_x",
    "actor": {"user_id": "usr_x", "partner_id": "prt_2"},
    "session_id": None,
    "network": "198.51.100.0/24",
    "service": "crm",
    "action": "DELETE /persons/{person_id}",
    "target": {},
    "details": {},
    "outcome": "refused",
    "status": 403,
}


@given(LOGS, PLACES, st.sampled_from(sorted(CHANGES)))
def test_an_entry_that_says_something_else_is_found(log: list[Entry], data: st.DataObject, name: str) -> None:
    """E6: whatever of it was changed."""
    place = data.draw(st.integers(min_value=0, max_value=len(log) - 1))
    said = replace(log[place].fact, **{name: CHANGES[name]})
    log[place] = replace(log[place], fact=said)
    assert Flaw("prt_1", place + 1, Wrong.CHANGED) in flaws(log, [])


def test_every_field_of_an_entry_is_hashed() -> None:
    """E6: none can be added that is not."""
    assert set(CHANGES) == set(Fact.__slots__)


@given(LOGS, PLACES)
def test_a_chain_that_was_made_anew_is_found_by_its_seals(log: list[Entry], data: st.DataObject) -> None:
    """E6: hashes can be computed by anybody, what was announced cannot be taken back."""
    place = data.draw(st.integers(min_value=0, max_value=len(log) - 1))
    anew = log[:place]
    for one in log[place:]:
        said = replace(one.fact, user_id="usr_x") if one is log[place] else one.fact
        anew.append(Entry.after(anew[-1] if anew else None, said))
    assert flaws(anew, []) == []
    assert {flaw.sequence for flaw in flaws(anew, log)} == {one.sequence for one in log[place:]}


@given(st.integers(min_value=2, max_value=12).map(log_of), PLACES)
def test_entries_that_changed_places_are_found(log: list[Entry], data: st.DataObject) -> None:
    """E6: whether they took their numbers with them or not."""
    first, second = sorted(data.draw(st.sets(st.integers(0, len(log) - 1), min_size=2, max_size=2)))
    swapped = list(log)
    swapped[first], swapped[second] = log[second], log[first]
    assert flaws(swapped, [])
    renumbered = [replace(one, sequence=place) for place, one in enumerate(swapped, 1)]
    assert flaws(renumbered, [])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_entry_that_was_put_in_is_found(place: int) -> None:
    """E6: a place can be taken once."""
    log = log_of(3)
    new = Entry.after(log[place - 1] if place else None, fact(9))
    assert flaws([*log[:place], new, *log[place:]], [])
