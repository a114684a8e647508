"""What the documents say is there: every limit with its default, every route, every test."""

import importlib
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

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
