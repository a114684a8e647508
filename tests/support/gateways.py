"""Gateways that keep what they get and answer as they are told: SMSAPI, and one that takes JSON.

A real HTTP server on the loopback, small enough to break off, be silent, or say nonsense when a test wants it to.
"""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

PATIENCE = 3600.0


@dataclass(frozen=True)
class Scripted:
    """An answer as a test wants it. `after`: once the message was accepted; otherwise it is not looked at.

    `status` 0 closes the connection instead; `delay` are seconds before anything is said.
    """

    status: int = 0
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {})
    delay: float = 0.0
    after: bool = False


SILENT = Scripted(delay=PATIENCE)
SILENT_AFTER = Scripted(delay=PATIENCE, after=True)
DROPPED = Scripted()
DROPPED_AFTER = Scripted(after=True)


@dataclass(frozen=True)
class Request:
    """What came, with the names of its headers in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The form or the JSON document that came."""
        if self.headers.get("content-type", "").startswith("application/json"):
            return json.loads(self.body)
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True)
class Text:
    """An accepted message. `key` is what makes it one: SMSAPI's idx, or the idempotency key."""

    to: str
    text: str
    sender: str
    key: str
    provider_id: str


@dataclass
class Gateway:
    """`accepted` in order of arrival; `script` by recipient: an answer for each attempt, then the usual."""

    token: str = "gateway-token"
    port: int = 0
    requests: list[Request] = field(default_factory=lambda: [])
    accepted: list[Text] = field(default_factory=lambda: [])
    script: dict[str, list[Scripted]] = field(default_factory=lambda: {})
    delay: float = 0.0
    connections: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _open: dict[asyncio.StreamWriter, asyncio.Task[Any]] = field(default_factory=lambda: {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def to(self, number: str) -> list[Text]:
        """The accepted messages to `number`, with or without its plus sign."""
        return [one for one in self.accepted if one.to.lstrip("+") == number.lstrip("+")]

    @property
    def doubled(self) -> list[str]:
        """Keys under which more than one message was accepted."""
        return [key for key, count in Counter(one.key for one in self.accepted).items() if count > 1]

    def posts(self) -> list[Request]:
        return [one for one in self.requests if one.method == "POST"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._open[writer] = task
        try:
            while request := await _read(reader):
                self.requests.append(request)
                if not await self._answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._open[writer]
            writer.close()

    async def end(self) -> None:
        """Break off every conversation."""
        self._over.set()
        for writer in self._open:
            writer.close()
        if self._open:
            await asyncio.wait(list(self._open.values()))

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """False when the connection ends here."""
        await self._pause(self.delay)
        scripted = self._scripted(request)
        usual = self._usual(request) if scripted is None or scripted.after else None
        answer = scripted or usual or DROPPED
        await self._pause(answer.delay)
        if not answer.status:
            return False
        head = {"Content-Length": str(len(answer.body)), "Content-Type": "application/json", **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + answer.body)
        await writer.drain()
        return True

    async def _pause(self, seconds: float) -> None:
        """Let so much time pass, unless it is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    def _scripted(self, request: Request) -> Scripted | None:
        if request.method != "POST":
            return None
        number = str(request.fields.get("to", ""))
        for known, answers in self.script.items():
            if known.lstrip("+") == number.lstrip("+") and answers:
                return answers.pop(0)
        return None

    def _usual(self, request: Request) -> Scripted:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return _json(401, {"error": 101, "message": "Invalid authorization info"})
        match request.method, request.path:
            case "GET", "/profile":
                return _json(200, {"username": "shop", "points": 12.5})
            case "POST", "/sms.do":
                return self._smsapi(request.fields)
            case "POST", "/messages":
                return self._generic(request)
            case _:
                return _json(404, {"message": "there is no such page"})

    def _smsapi(self, fields: Mapping[str, str]) -> Scripted:
        idx = fields["idx"]
        if fields.get("check_idx") == "1" and any(one.key == idx for one in self.accepted):
            return _json(200, {"error": 53, "message": "Not unique idx parameter"})
        text = self._accept(fields["to"], fields["message"], fields["from"], idx)
        return _json(200, {"count": 1, "list": [{"id": text.provider_id, "points": 0.16, "status": "QUEUE"}]})

    def _generic(self, request: Request) -> Scripted:
        key = request.headers.get("idempotency-key")
        for one in self.accepted:
            if key and one.key == key:
                return _json(202, {"result": {"id": one.provider_id}})
        fields = request.fields
        text = self._accept(fields["to"], fields["text"], fields.get("from", ""), key or uuid4().hex)
        return _json(202, {"result": {"id": text.provider_id}})

    def _accept(self, to: str, text: str, sender: str, key: str) -> Text:
        self.accepted.append(Text(to, text, sender, key, f"gw-{len(self.accepted) + 1}"))
        return self.accepted[-1]


def _json(status: int, document: Any) -> Scripted:
    return Scripted(status, json.dumps(document).encode())


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None at the end."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    method, path, _ = first.split()
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def listening(gateway: Gateway, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Gateway]:
    """`gateway` on a free port of the loopback."""
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0, ssl=tls)
    gateway.port = server.sockets[0].getsockname()[1]
    yield gateway
    server.close()
    await gateway.end()
