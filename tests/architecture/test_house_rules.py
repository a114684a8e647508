"""The rules of the house that a linter does not know (F1)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.contracts.test_contracts import GENERATOR

ROOT = Path(__file__).parents[2]
SERVICES: tuple[str, ...] = GENERATOR.SERVICES
SOURCES = sorted(path for folder in ("libs", "services") for path in (ROOT / folder).rglob("src/**/*.py"))
OPEN_ROUTES = {("identity", "/sign-in"), ("identity", "/.well-known/jwks.json")}

FORBIDDEN_NAMES = {"utils.py", "helpers.py", "base.py", "manager.py", "misc.py", "common.py"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_needs_a_token(service: str) -> None:
    """A5, B7: only sign-in, keys and health are open."""
    document = GENERATOR.openapi(service)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if (service, path) in OPEN_ROUTES:
                continue
            assert operation.get("security"), f"{service}: {method} {path} answers without a token"
            assert "401" in operation["responses"], f"{service}: {method} {path} does not document 401"


def test_the_check_above_sees_an_open_route() -> None:
    """The documented security comes from the dependency that checks the token: a route without it has none."""
    app = FastAPI()

    @app.get("/open")
    async def open_route() -> None:  # pyright: ignore[reportUnusedFunction]
        """Needs nothing."""

    assert "security" not in app.openapi()["paths"]["/open"]["get"]


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_keeps_the_rules(source: Path) -> None:
    """House rules: names, sizes, no broad except outside common, no query past the tenant's collection in a route."""
    text = source.read_text()
    tree = ast.parse(text)
    is_common = "libs/common" in str(source)
    assert source.name not in FORBIDDEN_NAMES
    assert len(text.splitlines()) <= 330, "split it: a file is read in one sitting"
    if not is_common:
        broad = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and _is_broad(node)]
        assert not broad, "say which errors"
    if source.name in ("api.py", "schemas.py", "overview.py"):
        assert "of_all_partners." not in text, "a request sees one partner: use .of(caller.partner_id)"


@pytest.mark.parametrize("service", SERVICES)
def test_importing_a_service_does_nothing(service: str) -> None:
    """Only `main.build` wires: an import needs no environment and opens no connection."""
    code = f"import {service}.main, {service}.settings, sys; print(len(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_wiring_fits_on_a_page(service: str) -> None:
    main = ROOT / "services" / service / "src" / service / "main.py"
    assert len(main.read_text().splitlines()) <= 80


@pytest.mark.parametrize("path", ["*.py", "*.md", "*.json", "*.toml", "*.lock", "Makefile"])
def test_no_package_registry_is_named(path: str) -> None:
    """Where packages come from is the machine's affair."""
    hosts = ["pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "repo1.maven", "deb.debian" + ".org"]
    listed = subprocess.run(
        ["git", "ls-files", path, f"**/{path}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split():
        if (ROOT / name).is_file():
            text = (ROOT / name).read_text()
            assert not [host for host in hosts if host in text], name
