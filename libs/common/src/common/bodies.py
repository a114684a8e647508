"""How much a request may bring: its body is read before anybody knows who asks."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LimitedBodies:
    """The app, with at most `most` bytes in the body of each request: more is refused (413) before it is in memory."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._most:
                raise HTTPException(413, f"Send at most {self._most} bytes in one request.")
            return message

        await self._app(scope, counted, send)
