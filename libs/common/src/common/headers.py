"""What browsers and caches are told of every answer: to keep none, to show none as a page, and to tell nobody of it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
PAGES = frozenset({"/docs", "/docs/oauth2-redirect", "/redoc"})
"""FastAPI's own, which show what the service can do."""
SAFE_FOR_PAGES = SAFE | {
    "Content-Security-Policy": (
        "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; worker-src blob:; "
        "script-src 'unsafe-inline' https://cdn.jsdelivr.net; font-src https://fonts.gstatic.com; "
        "style-src 'unsafe-inline' https://cdn.jsdelivr.net https://fonts.googleapis.com; "
        "img-src data: https://fastapi.tiangolo.com https://cdn.redoc.ly"
    )
}


class SafeHeaders:
    """The app, with these headers in each answer that does not have its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        safe = SAFE_FOR_PAGES if scope["path"] in PAGES else SAFE

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in safe.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer)
