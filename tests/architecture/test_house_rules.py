"""The rules of the house that a linter does not know (F1)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.test_contracts import GENERATOR
from tests.support.routes import OPEN

ROOT = Path(__file__).parents[2]
SERVICES: tuple[str, ...] = GENERATOR.SERVICES
SOURCES = sorted(path for folder in ("libs", "services") for path in (ROOT / folder).rglob("src/**/*.py"))
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "base.py", "manager.py", "misc.py", "common.py"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_says_that_it_needs_a_token(service: str) -> None:
    """A5, B7: that it does is shown in `test_routes.py`; this is what its documentation says."""
    document = GENERATOR.openapi(service)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path in OPEN:
                continue
            assert operation.get("security"), f"{service}: {method} {path} does not say that it needs a token"
            assert "401" in operation["responses"], f"{service}: {method} {path} does not document 401"


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


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_neither_prints_nor_sleeps(source: Path) -> None:
    """House rules: logs are structured, waiting never holds the loop. Commands (`__main__.py`) answer by printing."""
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)}
    assert "time.sleep" not in calls
    assert source.name == "__main__.py" or "print" not in calls


IMPORT_ALL = """
import importlib, pkgutil, sys, threading

def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.mkdir", "os.remove"):
        raise SystemExit(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(watch)
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
assert threading.active_count() == 1, threading.enumerate()
"""


@pytest.mark.parametrize("package", ["common", *SERVICES])
def test_importing_a_module_does_nothing(package: str) -> None:
    """Only `main.build` wires: an import needs no environment, connects to nothing, writes nothing, starts nothing."""
    command = [sys.executable, "-B", "-c", IMPORT_ALL, package]
    done = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_wiring_fits_on_a_page(service: str) -> None:
    main = ROOT / "services" / service / "src" / service / "main.py"
    assert len(main.read_text().splitlines()) <= 90


@pytest.mark.parametrize("path", ["*.py", "*.md", "*.json", "*.toml", "*.lock", "Makefile"])
def test_no_package_registry_is_named(path: str) -> None:
    """Where packages come from is the machine's affair."""
    hosts = [
        "pypi" + ".org",
        "files.python" + "hosted",
        "registry.npm" + "js",
        "repo1." + "maven",
        "deb.debian" + ".org",
    ]
    listed = subprocess.run(
        ["git", "ls-files", path, f"**/{path}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split():
        if (ROOT / name).is_file():
            text = (ROOT / name).read_text()
            assert not [host for host in hosts if host in text], name
