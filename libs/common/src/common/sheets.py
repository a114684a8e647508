"""Tables as CSV that a spreadsheet shows as they are, instead of working out what begins like a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# A field begins with a value, and for spreadsheets in Polish, Czech and Hungarian behind each semicolon in it, too.
_FORMULA = re.compile(r"(\A|[;\t\r\n])('*)(?=[=+\-@\t\r\n])")
_SHOWN = re.compile(r"(\A|[;\t\r\n])'('*)(?=[=+\-@\t\r\n])")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV. What a spreadsheet would take for a formula gets an apostrophe, which `plain` takes away."""
    part = io.StringIO()
    table = csv.writer(part)
    for row in rows:
        table.writerow([_FORMULA.sub(r"\1'\2", value) for value in row])
    return part.getvalue()


def plain(value: str) -> str:
    """A value of a table as it was before `lines`."""
    return _SHOWN.sub(r"\1\2", value)
