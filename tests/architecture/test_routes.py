"""Which routes there are, and that each checks the token itself (A5, B7)."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from common.auth import Permission, SignedIn, requires, signed_in
from tests.contracts.test_contracts import GENERATOR
from tests.support.routes import OPEN


def open_routes(app: FastAPI) -> set[str]:
    """The paths of all routes, documented or not, that answer without having checked a token."""
    return {
        str(route.path)
        for route in iter_route_contexts(app.routes)
        if not any(one.call is signed_in for one in _dependencies(getattr(route, "dependant", None)))
    }


def _dependencies(dependant: Dependant | None) -> Iterator[Dependant]:
    for one in dependant.dependencies if dependant else ():
        yield one
        yield from _dependencies(one)


@pytest.mark.parametrize("service", GENERATOR.SERVICES)
def test_every_route_but_a_few_checks_the_token(service: str) -> None:
    """A5, B7."""
    assert open_routes(GENERATOR.app_of(service)) <= OPEN.keys()


def test_only_identity_lets_anybody_in_without_a_token() -> None:
    """A5."""
    offered = {service for service in GENERATOR.SERVICES if "/sign-in" in open_routes(GENERATOR.app_of(service))}
    assert offered == {"identity"}


def test_the_check_above_sees_an_open_route() -> None:
    """A route is closed by its own dependencies, however deep; not by what it says of itself."""
    app = FastAPI(openapi_url=None)

    @app.get("/open", responses={401: {}}, openapi_extra={"security": [{"HTTPBearer": []}]})
    async def open_route() -> None:  # pyright: ignore[reportUnusedFunction]
        """Says that it is closed."""

    @app.get("/closed", dependencies=[requires(Permission.CRM_READ)], include_in_schema=False)
    async def closed_route() -> None:  # pyright: ignore[reportUnusedFunction]
        """Is not documented."""

    @app.get("/signed-in")
    async def signed_in_route(caller: SignedIn) -> None:  # pyright: ignore[reportUnusedFunction]
        """Needs no permission."""

    assert open_routes(app) == {"/open"}
