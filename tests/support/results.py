"""The table of `make faults`: a row per fault, kept in `tests/faults/results.json`."""

import json
from collections.abc import Mapping
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "faults" / "results.json"


def keep(row: Mapping[str, str | int | float]) -> None:
    """Print a row and keep it; a row of the same fault is replaced."""
    rows = [one for one in json.loads(RESULTS.read_text()) if one["fault"] != row["fault"]] if RESULTS.exists() else []
    RESULTS.write_text(json.dumps([*rows, row], indent=2) + "\n")
    print(*(f"{name}: {value}" for name, value in row.items()), sep="   ")
