"""No request reaches a query for all partners, but for a few that are named here with their reason (F1).

The sources are followed by name from every function of an `api.py` through whatever it calls in its service: too far at
times (two functions of one name are one), never too short.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from common.auth import STAFF_ONLY, Permission
from tests.contracts.test_contracts import GENERATOR
from tests.support.tokens import Tokens

ROOT = Path(__file__).parents[2]
ALL = "of_all_partners"

REQUESTS_MAY_REACH = {
    "identity": {
        "user_by_email_of_all_partners": "whoever signs in has no partner yet; an address is taken everywhere at once",
        "_taking_of_all_partners": "the same; no invitation stands in another partner's way",
        "going_on_of_all_partners": "whoever continues a session has no partner yet; he has its proof",
        "named_of_all_partners": "a machine that signs in has no partner yet",
        "shown_of_all_partners": "whoever signs in with a passkey has no partner yet",
        "follows_of_all_partners": "whoever follows a link in a mail has no partner yet",
        "partners_of_all": "staff",
        "clients_of_all_partners": "staff",
        "keep_name_of_all_partners": "staff, who connect two partners; only their names are written",
        "entered_of_all_partners": "its filter has the partner who enters",
        "out_of_all_partners": "the same",
        "of_partner_of_all_partners": "the same",
        "open_among_of_all_partners": "its filter has the user who enters",
        "partners_of_all_partners": "who enters an account depends on two partners: by ids of his own way in",
        "users_of_all_partners": "the same",
        "connections_of_all_partners": "the same",
        "among_of_all_partners": "the same",
        "use_of_all_partners": "whoever brings a code has no partner yet; he has its proof",
        "partner_of_request": "staff: the partner that an idempotency key made",
    },
    "contacts": {},
    "notifications": {
        "directory_of_all_partners": "asked for the caller's own partner; events ask for many at once",
        "_closed_addresses": "part of the same directory",
        "_quiet_hours_of": "part of the same directory",
    },
    "outbox": {
        "hasten": "its filter has the partner",
        "_change_some": "its filter has the partner, or an account that was the caller's",
        "doubt": "of an account that was found to be the caller's",
        "owner_of_all_partners": "a report has no partner: it proves which message it is about, and that says whose",
        "put_aside": "of the partner that was found by that, or by the account",
        "accounts_by_id_of_all_partners": "a gateway has no partner: it proves that it knows the account's secret",
    },
    "crm": {},
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


SHARED = {
    "signing_keys": "the platform's own",
    "announcements": "no request reads them",
    "answered_challenges": "of whoever signs in, who has no partner yet; nothing but hashes",
    "used_assertions": "of a machine that signs in, which has no partner yet; nothing but computed ids",
    "password_requests": "of whoever forgot his password, who has no partner yet",
    "attempts": "of whoever tries to sign in, who has no partner yet",
    "audit_outbox": "what is on its way to the audit log; no request reads it",
    "dead_letters": "for staff: what cannot be read may not say whose it is",
    "kinds": "the same for every partner; staff write them",
    "fan_outs": "one event that concerns many partners; no route reads it",
}
"""Collections of documents that belong to no partner."""


def reached_from_routes(sources: Path) -> dict[str, str]:
    """Functions of a service that query all partners and are reached from a route: name → one way there."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(sources.rglob("*.py"))}
    functions: dict[str, list[Function]] = {}
    unsafe: set[Function] = set()
    for tree in trees.values():
        for function in _functions(tree):
            functions.setdefault(function.name, []).append(function)
        unsafe |= set(_for_all_partners(tree))
    ways = [
        (function, function.name)
        for path, tree in trees.items()
        if path.name == "api.py"
        for function in _functions(tree)
    ]
    seen, found = {function for function, _ in ways}, dict[str, str]()
    while ways:
        function, way = ways.pop()
        if function in unsafe:
            found[function.name] = way
        for called in (one for name in _names(function) for one in functions.get(name, []) if one not in seen):
            seen.add(called)
            ways.append((called, f"{way} > {called.name}"))
    return found


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _names(node: ast.AST) -> set[str]:
    """Every name that is used below `node`: what is called, handed on, or asked of an object."""
    found = {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}
    return found | {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _for_all_partners(tree: ast.AST) -> Iterator[Function]:
    """Functions that name the collection of all partners, or an attribute that their class made of it."""
    yield from (function for function in _functions(tree) if ALL in _names(function) and function.name != "__init__")
    for kept in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        made = {
            target.attr
            for node in ast.walk(kept)
            if isinstance(node, ast.Assign) and ALL in _names(node.value)
            for target in node.targets
            if isinstance(target, ast.Attribute)
        }
        yield from (
            function for function in _functions(kept) if made & _names(function) and function.name != "__init__"
        )


@pytest.mark.parametrize("service", GENERATOR.SERVICES)
def test_a_request_sees_one_partner(service: str) -> None:
    """F1: use `.of(caller.partner_id)`; what must see more is named above."""
    found = reached_from_routes(ROOT / "services" / service / "src" / service)
    allowed = REQUESTS_MAY_REACH[service]
    assert {name: way for name, way in found.items() if name not in allowed} == {}
    assert allowed.keys() <= found.keys(), "what is not reached any more needs no reason"
    assert set(allowed) <= set(found), "this exception is not needed any more"


@pytest.mark.parametrize("service", GENERATOR.SERVICES)
def test_only_ways_out_and_wiring_name_the_collection_of_all_partners(service: str) -> None:
    """F1: neither a route nor a use case chooses a collection."""
    sources = ROOT / "services" / service / "src" / service
    naming = {path.name for path in sources.rglob("*.py") if ALL in _attributes(ast.parse(path.read_text()))}
    assert naming <= {"storage.py", "queue.py", "announcements.py", "consumers.py", "jobs.py", "main.py"}


@pytest.mark.parametrize("service", GENERATOR.SERVICES)
async def test_dead_letters_are_for_staff_alone(service: str) -> None:
    """F6: every route is refused to whoever has all that a user of a partner can have."""
    app, tokens = GENERATOR.app_of(service), Tokens()
    app.state.token_check.keys.apply(tokens.announcement)
    app.state.token_check.revocations.at_end()
    app.state.records_everybody = False  # there is no database here
    owner = tokens.headers("prt_1", *(set(Permission) - STAFF_ONLY))
    paths = {path: methods for path, methods in app.openapi()["paths"].items() if path.startswith("/dead-letters")}
    assert len(paths) == 6
    body = {"note": "x", "reason": "x"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        for path, method in ((path, method) for path, methods in paths.items() for method in methods):
            answer = await client.request(method, path.format(letter_id="x"), headers=owner, json=body)
            assert (answer.status_code, answer.json()["permission"] in STAFF_ONLY) == (403, True), path


def test_what_belongs_to_no_partner_is_named() -> None:
    """F1: every other collection asks for the partner."""
    calls = (
        node
        for folder in ("libs", "services")
        for path in (ROOT / folder).rglob("src/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "shared"
    )
    assert {ast.literal_eval(call.args[0]) for call in calls} == SHARED.keys()
    assert reached_from_routes(ROOT / "libs/common/src/common/dead_letters") == {}


def _attributes(tree: ast.AST) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_the_check_above_follows_a_route_to_its_query(tmp_path: Path) -> None:
    """F1: over a handler, and through an attribute that hides the collection."""
    (tmp_path / "api.py").write_text("async def route(): await handlers.use_case()")
    (tmp_path / "handlers.py").write_text("async def use_case(): await store.everything(); await queue.claim()")
    (tmp_path / "storage.py").write_text(
        "class Store:\n"
        "    async def everything(self): await self.things.of_all_partners.find({})\n"
        "    async def unused(self): await self.things.of_all_partners.find({})\n"
        "class Queue:\n"
        "    def __init__(self, mongo): self._things = mongo.collection('things').of_all_partners\n"
        "    async def claim(self): await self._things.find({})\n"
    )
    assert reached_from_routes(tmp_path) == {
        "everything": "route > use_case > everything",
        "claim": "route > use_case > claim",
    }
