"""How much a request may bring: its body is read before anybody knows who asks."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_VALUES = 10_000
"""Of a JSON body: each takes some microseconds, and more where it is wrong, in which nothing else gets on."""


class LimitedBodies:
    """The app, with at most `most` bytes in the body of each request: more is refused (413) before it is in memory.
    `most_at` are paths whose routes take more, since they keep none of it there."""

    def __init__(self, app: ASGIApp, most: int, most_at: Mapping[str, int]) -> None:
        self._app = app
        self._most = most
        self._most_at = most_at

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size, values, most = 0, _Values(), self._most_at.get(scope["path"], self._most)

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            part: bytes = message.get("body", b"")
            size += len(part)
            if size > most:
                raise HTTPException(413, f"Send at most {most} bytes in one request.")
            if _is_parsed(scope) and values.count(part) > MOST_VALUES:
                raise HTTPException(413, f"Send at most {MOST_VALUES} values in one request.")
            return message

        await self._app(scope, counted, send)


def _is_parsed(scope: Scope) -> bool:
    """Whether the route reads JSON. A file of JSON that is only kept may have any number of values."""
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    return any(b"json" in one.lower() for one in types) and getattr(scope.get("route"), "body_field", None) is not None


class _Values:
    """How many values a JSON text has so far, read part by part. What stands in strings is none."""

    def __init__(self) -> None:
        self._values = 0
        self._in_string = False
        self._rest = b""

    def count(self, part: bytes) -> int:
        if b"\0" in part:  # UTF-16 or UTF-32, in which none of this is so (RFC 8259, 8.1)
            raise HTTPException(400)
        text = self._rest + part
        self._rest = b"\\" * ((len(text) - len(text.rstrip(b"\\"))) % 2)  # it says what the next character is
        text = text[: len(text) - len(self._rest)].replace(rb"\\", b"").replace(rb"\"", b"")
        pieces = text.split(b'"')
        outside = b"".join(pieces[self._in_string :: 2])
        self._in_string ^= len(pieces) % 2 == 0
        self._values += sum(map(outside.count, (b",", b"[", b"{")))
        return self._values
