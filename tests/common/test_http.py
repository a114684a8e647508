"""Cursors and ETags come back from outside: whatever they are, they are understood or refused (422)."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Invalid
from common.http import decode_cursor, encode_cursor, etag, time_position, version_of

VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())


@given(st.lists(VALUES, min_size=1, max_size=3))
def test_a_cursor_comes_back_as_it_went(position: list[Any]) -> None:
    assert decode_cursor(encode_cursor(position), len(position)) == position


@given(st.text(max_size=500), st.integers(1, 3))
def test_anything_else_is_refused(cursor: str, length: int) -> None:
    with suppress(Invalid):
        assert len(decode_cursor(cursor, length)) == length


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor(["per_1"]), 2)


def test_a_cursor_with_half_a_character_is_refused() -> None:
    """The database takes none: it is the caller's mistake, not ours."""
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor(["\ud800"]), 1)


def test_a_position_in_time_keeps_its_moment() -> None:
    at = datetime(2026, 11, 23, 10, 15, 0, 140_000, tzinfo=UTC)
    assert time_position(encode_cursor([at.isoformat(), "msg_1"])) == (at, "msg_1")
    assert time_position(None) is None


@given(VALUES | st.datetimes(timezones=st.timezones()).map(datetime.isoformat), VALUES)
def test_a_position_in_time_is_one_that_the_database_takes_or_refused(at: Any, found: Any) -> None:
    try:
        position = time_position(encode_cursor([at, found]))
    except Invalid:
        return
    assert position is not None
    assert position[0].tzinfo is UTC
    assert isinstance(position[1], str)


def test_an_etag_comes_back_as_its_version() -> None:
    assert version_of(etag(7)) == 7
    assert version_of("W/" + etag(7)) == 7
    assert version_of(None) is version_of("*") is None


@pytest.mark.parametrize("text", ["", "x", '"', "-1", "1.5", "²", "9" * 30])
def test_another_etag_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        version_of(text)
