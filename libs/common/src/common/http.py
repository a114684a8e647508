"""The way in over HTTP: problem documents, pagination, and how a route gets the service it works for."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import iter_route_contexts
from opentelemetry import trace
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from common.authors import Author
from common.errors import PROBLEM_BASE, Invalid, Problem, Unavailable, is_own_trouble
from common.headers import SAFE
from common.logs import error_code, logger
from common.places import wrongs
from common.refusals import Refusals

log = logger(__name__)

MEDIA_TYPE = "application/problem+json"
PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}

T = TypeVar("T")
V = TypeVar("V")


class ProblemDocument(BaseModel):
    """RFC 9457: what went wrong and what to change. `type` is stable; further members depend on it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def errors(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: which problems it answers with."""
    return {
        problem.status: {
            "description": problem.title,
            "model": ProblemDocument,
            "content": {MEDIA_TYPE: {"schema": PROBLEM}},
        }
        for problem in problems
    }


def a_file(media_type: str) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: it answers with a text file of this type."""
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}}


def provided(kind: type[T]) -> Any:
    """A FastAPI dependency: the object of type `kind` that `main.py` gave to `service_app`."""

    async def get(request: Request) -> T:  # one that is not async would cost a thread for each request
        return request.app.state.provided[kind]

    return Depends(get)


def address_of(request: Request) -> str:
    """The network address that a request came from; empty when that is not known."""
    return request.client.host if request.client else ""


class Page(BaseModel, Generic[T]):
    """A part of a list; `next` asks for the following part, null at the end."""

    items: list[T]
    next: str | None = Field(default=None, description="Send it as `cursor` to get the following page.")
    total: int | None = Field(default=None, description="How many there are in all; only where it was asked for.")


class ActorView(BaseModel):
    """Who acted for a user: a user of another partner (E6)."""

    user_id: str
    partner_id: str

    @classmethod
    def of(cls, author: Author) -> "ActorView | None":
        actor = author.actor
        return cls(user_id=actor.user_id, partner_id=actor.partner_id) if actor else None


def download(parts: AsyncIterator[str], media_type: str, name: str) -> StreamingResponse:
    """A text file that is made while it is sent."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(parts, media_type=f"{media_type}; charset=utf-8", headers=headers)


Limit = Annotated[int, Field(ge=1, le=200, description="How many at the most.")]
Cursor = Annotated[str | None, Field(max_length=500, description="`next` of the page before.")]


def encode_cursor(position: Sequence[Any]) -> str:
    """An opaque cursor that stands after `position` (JSON-ready values of the sort key)."""
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The position in `cursor`. Raises Invalid when it is not one of ours."""
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(position, list) or len(position) != length:
            raise ValueError
        json.dumps(position, ensure_ascii=False).encode()  # half of a character is JSON, but no text
    except ValueError:
        raise Invalid("`cursor` must be the `next` of an earlier page, unchanged.") from None
    return position


def id_position(cursor: str | None) -> str:
    """The position in a cursor of a list that is sorted by one text, such as the id; empty at its start.

    Raises Invalid.
    """
    [position] = decode_cursor(cursor, 1) if cursor else [""]
    return str(position)


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Identified = TypeVar("Identified", bound=_Identified)


def next_cursor(found: Sequence[T], limit: int, position: Callable[[T], Sequence[Any]]) -> str | None:
    """The cursor that stands after the last of a page, if there is more: `found` are up to one more than `limit`."""
    return encode_cursor(position(found[limit - 1])) if len(found) > limit else None


def page_of(
    found: Sequence[T], limit: int, view: Callable[[T], V], position: Callable[[T], Sequence[Any]],
    total: int | None = None,
) -> Page[V]:  # fmt: skip
    """A page: `found` are up to one more than `limit`, `position` is where the list stands after one."""
    items = [view(one) for one in found[:limit]]
    return Page(items=items, next=next_cursor(found, limit, position), total=total)


def page_by_id(
    found: Sequence[Identified], limit: int, view: Callable[[Identified], V], total: int | None = None
) -> Page[V]:
    """The same of a list that is sorted by id."""
    return page_of(found, limit, view, lambda one: [one.id], total)


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError("this time does not exist") from None


Time = Annotated[datetime, AfterValidator(_in_utc)]
"""A point in time in a request; without an offset it is UTC."""


def time_position(cursor: str | None) -> tuple[datetime, str] | None:
    """The position (time, id) in a cursor of a list that is sorted by time. Raises Invalid."""
    if cursor is None:
        return None
    at, found = decode_cursor(cursor, 2)
    try:
        return datetime.fromisoformat(at).astimezone(UTC), str(found)
    except (TypeError, ValueError, OverflowError):
        raise Invalid("`cursor` must be the `next` of an earlier page, unchanged.") from None


RequestKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=8, max_length=100, description="Repeating it repeats the first answer."),
]
IfMatch = Annotated[str | None, Header(description="The ETag that you read; refused with 412 when it is not current.")]


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def version_of(if_match: str | None) -> int | None:
    """The version in an `If-Match` header; None when any will do. Raises Invalid."""
    if if_match is None or if_match.strip() == "*":
        return None
    version = if_match.strip().removeprefix("W/").strip('"')
    if not version.isdecimal() or len(version) > 18:  # the database's integers have 19 digits
        raise Invalid("`If-Match` must be the ETag of an earlier answer.")
    return int(version)


def answer_with_problems(app: FastAPI, refusals: Refusals) -> None:
    """Make every error of `app` a problem document; none of them repeats what was sent. Refusals are in the log."""
    app.state.refusals = refusals
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)
    made = app.openapi

    def openapi() -> dict[str, Any]:
        """FastAPI documents errors also as its own, and as what the route answers with: all are problem documents."""
        document = made()
        for operation in (one for path in document["paths"].values() for one in path.values()):
            for status, answer in operation["responses"].items():
                if status >= "4":
                    answer["content"] = {MEDIA_TYPE: {"schema": PROBLEM}}
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        return document

    app.openapi = openapi


def _answer(document: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    # Also what is answered outside of all middleware, when something fails that nobody expected.
    return JSONResponse(document, document["status"], SAFE | (headers or {}), media_type=MEDIA_TYPE)


def _route(request: Request) -> str:
    """Its template, since the path itself may hold anything."""
    return getattr(request.scope.get("route"), "path", "?")


def tell_refusal(request: Request, problem: Problem) -> None:
    """Log it, if it is a refusal: for whoever answers it with another problem."""
    asker = getattr(getattr(request.state, "recording", None), "asker", None)
    request.app.state.refusals.tell(f"{request.method} {_route(request)}", problem, asker)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    tell_refusal(request, error)
    return _answer(error.document(), error.headers())


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problem = Invalid("Some fields break a rule; `errors` lists each with its place.", errors=wrongs(error))
    return _answer(problem.document())


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers, detail = dict(error.headers or {}), error.detail
    match error.status_code:
        case 400:  # FastAPI's answer to bytes that are no text
            return _answer(Invalid("The body cannot be read: send JSON in UTF-8.").document())
        case 404:
            code, title, detail = (
                "not-found",
                "Not found",
                "There is no such route; `/docs` shows those that there are.",
            )
        case 405:
            headers["Allow"] = ", ".join(_methods(request))
            code, title, detail = "method-not-allowed", "Another method is needed", f"Here one of {headers['Allow']}."
        case 413:
            code, title = "body-too-large", "The body is too large"
        case _:
            code, title = "http-error", "The request was refused"
    document = {"type": PROBLEM_BASE + code, "title": title, "status": error.status_code, "detail": detail}
    return _answer(document, headers)


def _methods(request: Request) -> list[str]:
    """All that the path knows (RFC 9110, 15.5.6): its routes are one for each method, and Starlette names the first."""
    path, routes = request.scope["path"], iter_route_contexts(request.app.routes)
    fitting = [route for route in routes if (pattern := getattr(route, "path_regex", None)) and pattern.match(path)]
    return sorted({method for route in fitting for method in route.methods or ()})


async def _gone(*_: object) -> JSONResponse:
    """Whoever asked hung up within the body, where a route reads it part by part: that is no mistake of ours."""
    return _answer(Invalid("The body ended before it was whole.").document())


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    if is_own_trouble(error):
        return await _problem(request, Unavailable("A part that we depend on is away. Send the same request again."))
    log.error("request_failed", route=_route(request), error=error_code(error))
    document = {"type": PROBLEM_BASE + "internal", "title": "Internal error", "status": 500}
    document |= {"detail": "This is our mistake. If there is a `trace_id`, it helps us to find it."}
    context = trace.get_current_span().get_span_context()
    return _answer(document | ({"trace_id": f"{context.trace_id:032x}"} if context.is_valid else {}))
