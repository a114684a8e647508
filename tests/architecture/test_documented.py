"""What the documents say is there: every limit with its default, every route, every test."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram
from pydantic import SecretStr

from common import metrics
from common.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "contacts", "notifications", "outbox", "crm")


@pytest.mark.parametrize("name", ServiceSettings.model_fields)
def test_a_common_setting_is_in_the_readme(name: str) -> None:
    assert f"`{name.upper()}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_own_settings_are_in_its_readme_with_their_defaults(service: str) -> None:
    text = (ROOT / "services" / service / "README.md").read_text()
    settings = importlib.import_module(f"{service}.settings").Settings
    for name, field in settings.model_fields.items():
        if name in ServiceSettings.model_fields:
            continue
        [line] = [line for line in text.splitlines() if line.startswith("|") and f"`{name.upper()}`" in line]
        if not field.is_required() and field.default != "" and not isinstance(field.default, SecretStr):
            assert str(field.default) in line, f"{name}: the default is {field.default}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_secret_setting_is_in_the_inventory_of_keys(service: str) -> None:
    """B11: who holds it, for how long, and how it is replaced."""
    rows = [line.split("|")[1] for line in (ROOT / "docs" / "keys.md").read_text().splitlines() if line.startswith("|")]
    settings = importlib.import_module(f"{service}.settings").Settings
    secret = {name.upper() for name, field in settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secret >= {"MONGO_URL", "KAFKA_PASSWORD"}
    assert [name for name in secret if not any(f"`{name}`" in row for row in rows)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_in_the_readme(service: str) -> None:
    """Read off the routes themselves, so that a new one without a line fails."""
    from tests.contracts.test_contracts import DOCUMENTS

    text = (ROOT / "services" / service / "README.md").read_text()
    for path in DOCUMENTS[f"openapi/{service}.json"]["paths"]:
        assert path.partition("{")[0].rstrip("/") in text, f"{path} is not in services/{service}/README.md"


def test_every_test_that_shows_a_requirement_is_there() -> None:
    """Where `docs/security.md` says: a test that was renamed shows nothing any more."""
    text = (ROOT / "docs" / "security.md").read_text()
    for names in re.findall(r"(`[\w/]+\.py`(?:(?:,| and)? `test_\w+`)+)", text):
        file, *tests = re.findall(r"`(.+?)`", names)
        source = (ROOT / "tests" / file).read_text()
        assert [test for test in tests if f"def {test}(" not in source] == [], file


def logged() -> Iterator[tuple[str, str, set[str]]]:
    """Event, level and fields of each line of code that writes to the log."""
    for source in (path for folder in ("libs", "services") for path in (ROOT / folder).rglob("src/**/*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and ast.unparse(node.func.value) == "log"
            ):
                assert isinstance(node.args[0], ast.Constant), f"{source}:{node.lineno}: an event has one name"
                yield str(node.args[0].value), node.func.attr, {one.arg for one in node.keywords if one.arg}


def test_every_event_of_the_logs_is_in_the_list_with_its_fields() -> None:
    """F4: and nothing is in the list that no service says."""
    rows = [line.split(" | ", 3) for line in (ROOT / "docs" / "logs.md").read_text().splitlines() if "`" in line]
    listed = {(event, row[1]): row[3] for row in rows if len(row) == 4 for event in re.findall("`(.+?)`", row[0])}
    assert {(event, level) for event, level, _ in logged()} == set(listed)
    for event, level, fields in logged():
        missing = {field for field in fields if f"`{field}`" not in listed[event, level]}
        assert missing == set(), f"{event}: docs/logs.md does not say what these are"


def test_every_metric_is_in_the_list_with_its_labels() -> None:
    """F4: and nothing is in the list that no service counts."""
    rows = [line.split("|") for line in (ROOT / "docs" / "metrics.md").read_text().splitlines() if "| `switchb" in line]
    listed = {row[1].strip(" `"): re.findall("`(.+?)`", row[2]) for row in rows}
    counted: dict[str, list[str]] = {}
    for one in vars(metrics).values():
        if isinstance(one, Counter | Gauge | Histogram):
            [family] = one.describe()
            counted[family.name + ("_total" if isinstance(one, Counter) else "")] = list(one._labelnames)  # pyright: ignore[reportPrivateUsage]
    assert listed == counted
