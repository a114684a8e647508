"""Tables as CSV that a spreadsheet shows as they are, instead of working out what begins like a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV. What a spreadsheet would take for a formula gets an apostrophe, which `plain` takes away."""
    part = io.StringIO()
    table = csv.writer(part)
    for row in rows:
        table.writerow([f"'{value}" if value.startswith(_FORMULA) else value for value in row])
    return part.getvalue()


def plain(value: str) -> str:
    """A value of a table as it was before `lines`."""
    return value[1:] if value.startswith("'") and value[1:].startswith(_FORMULA) else value
