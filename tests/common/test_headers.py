"""Headers that every answer has, also one that nobody expected."""

import httpx
import pytest
from fastapi import FastAPI, Response
from pymongo.errors import AutoReconnect

from common.headers import SAFE, SafeHeaders
from common.http import answer_with_problems
from common.refusals import Refusals


async def ask(path: str) -> httpx.Response:
    app = FastAPI()
    answer_with_problems(app, Refusals(1))
    app.add_middleware(SafeHeaders)

    @app.get("/mistake")
    async def mistake() -> None:  # pyright: ignore[reportUnusedFunction]
        raise ZeroDivisionError

    @app.get("/away")
    async def away() -> None:  # pyright: ignore[reportUnusedFunction]
        raise AutoReconnect

    @app.get("/kept")
    async def kept(response: Response) -> None:  # pyright: ignore[reportUnusedFunction]
        response.headers["Cache-Control"] = "public, max-age=60"

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.get(path)


@pytest.mark.parametrize(("path", "status"), [("/mistake", 500), ("/away", 503), ("/missing", 404)])
async def test_an_error_has_them_too(path: str, status: int) -> None:
    answer = await ask(path)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE


async def test_what_a_route_says_itself_stays() -> None:
    answer = await ask("/kept")
    assert answer.headers.get_list("Cache-Control") == ["public, max-age=60"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
