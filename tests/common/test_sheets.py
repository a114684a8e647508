"""Tables for spreadsheets: nothing in them is a formula, and all of it comes back as it was (A1)."""

import csv
import io
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import sheets

TRICKY = st.text("=+-@\t\r\n;,\"' ab")


def cells(text: str, delimiter: str) -> list[str]:
    return list(chain.from_iterable(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))


@given(TRICKY, TRICKY)
def test_a_value_comes_back_as_it_was(one: str, other: str) -> None:
    assert [sheets.plain(cell) for cell in cells(sheets.lines([(one, other, "end")]), ",")] == [one, other, "end"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("value", ["=1+1", "a;=1+1", "a;b;@x", "a\n=1+1", "a\t+1", 'a";=1+1', ";;-1"])
def test_nothing_is_a_formula_whatever_separates_fields(value: str, delimiter: str) -> None:
    """In Poland, Czechia and Hungary a spreadsheet takes the semicolon for what separates fields."""
    found = cells(sheets.lines([("x", value, "y"), (value, "x", "y")]), delimiter)
    assert not [cell for cell in found if cell.startswith(("=", "+", "-", "@"))]
