"""Persons as CSV: a header line, then a line for each; several roles are separated by semicolons (bulk of A1)."""

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence

from pydantic import ValidationError

from common import sheets
from common.errors import Invalid
from contacts.persons.domain import Person
from contacts.persons.schemas import PersonFields

COLUMNS = ("first_name", "last_name", "email", "phone", "roles")
MOST_COLUMNS = 200
"""Each of them, whoever reads it, costs something in every row."""


class BadSheet(Invalid):
    """The file as a whole cannot be read."""

    code, title = "bad-sheet", "The file is not a table of persons"


def read(content: bytes, most_rows: int) -> Iterator[tuple[int, Person | list[str]]]:
    """(line, the person or why the row cannot be one), for each row. Raises BadSheet."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadSheet("Save it as UTF-8.") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if missing := [name for name in ("first_name", "last_name", "email") if name not in (rows.fieldnames or ())]:
            raise BadSheet(f"Its first line must name the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
        if len(rows.fieldnames or ()) > MOST_COLUMNS:
            raise BadSheet(f"Send at most {MOST_COLUMNS} columns.")
        for number, row in enumerate(rows):
            if number >= most_rows:
                raise BadSheet(f"Send at most {most_rows} rows at once.")
            yield rows.line_num, _person(row)
    except csv.Error:
        raise BadSheet("It is not CSV: look for an unfinished quotation mark.") from None


def _person(row: dict[str | None, str | None]) -> Person | list[str]:
    if None in row:  # what stands under no column
        return ["has more fields than there are columns"]
    fields = {
        name: sheets.plain(value.strip()) for name, value in row.items() if name in COLUMNS and value and value.strip()
    }
    roles = [role.strip() for role in fields.pop("roles", "").split(";") if role.strip()]
    try:
        return PersonFields.model_validate({**fields, "roles": roles}).to_domain()
    except ValidationError as error:
        return [f"{one['loc'][0]}: {one['msg']}" for one in error.errors(include_input=False, include_url=False)]


async def write(pages: AsyncIterable[Sequence[Person]]) -> AsyncIterator[str]:
    """The file in parts. What a spreadsheet would take for a formula gets an apostrophe, which `read` takes away."""
    yield sheets.lines([COLUMNS])
    async for persons in pages:
        yield sheets.lines(
            (one.first_name, one.last_name, one.email, one.phone or "", ";".join(one.roles)) for one in persons
        )
