"""Which routes there are, and that each checks the token itself (A5, B7)."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from common.auth import Permission, SignedIn, requires, signed_in
from tests.contracts.test_contracts import GENERATOR

OPEN = {
    "/livez": "the machine that runs the service asks, and has no token",
    "/readyz": "the same",
    "/metrics": "the same; numbers only",
    "/openapi.json": "what the service can do is published anyway",
    "/docs": "the same",
    "/docs/oauth2-redirect": "the same",
    "/redoc": "the same",
    "/sign-in": "one has no token before",
    "/token": "the same; a refresh token or a secret is the proof",
    "/sign-in/second-step": "one has no token before; the challenge comes of a password",
    "/sign-in/passkey/challenge": "one has no token before",
    "/sign-in/passkey": "the same; a passkey is the proof",
    "/password/forgotten": "whoever forgot his password has no token; the answer tells nothing",
    "/password/reset": "the link in a mail is the proof",
    "/invitation/accept": "the same",
    "/email/confirm": "the same",
    "/.well-known/oauth-authorization-server": "says where tokens are given",
    "/.well-known/jwks.json": "public keys are public",
    "/accounts/{account_id}/reports": "a gateway has no token; what it reports is signed as the account says",
    "/accounts/{account_id}/reports/{proof}": "the same; SMSAPI signs nothing, so the URL is the proof",
    "/unsubscribe/{token}": "readers of mails have no token; the link is signed, and says what it is for",
}


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
