"""A token endpoint (OAuth 2.0) for many clients, each with a refresh token of its own."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

from tests.outbox.scripted import Scripted as MailScript
from tests.support.eventually import unique
from tests.support.gateways import Gateway, Request, Scripted


@dataclass
class Client:
    """`answers` come first, one for each request. `rotates`: each request gives a new refresh token, and ends the old.

    Access tokens are `<id>/1`, `<id>/2`, ….
    """

    id: str = field(default_factory=lambda: unique("client"))
    secret: str | None = None
    refresh_token: str = field(default_factory=lambda: unique("refresh"))
    expires_in: Any = 3600
    rotates: bool = False
    answers: list[Scripted] = field(default_factory=lambda: [])
    requests: list[Request] = field(default_factory=lambda: [])

    def answer(self, request: Request) -> Scripted:
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        asked = {name: request.fields.get(name) for name in ("grant_type", "refresh_token", "client_secret")}
        if asked["client_secret"] != self.secret:
            return refusal(401, "invalid_client", "no such client")
        if (asked["grant_type"], asked["refresh_token"]) != ("refresh_token", self.refresh_token):
            return refusal(400, "invalid_grant", "expired or revoked")
        given = {"access_token": f"{self.id}/{len(self.requests)}", "token_type": "Bearer"}
        if self.expires_in is not None:
            given["expires_in"] = self.expires_in
        if self.rotates:
            self.refresh_token = unique("refresh")
            given["refresh_token"] = self.refresh_token
        return Scripted(200, json.dumps(given).encode())


@dataclass
class TokenEndpoint(Gateway):
    """`overlaps` counts requests of a client that came while another of it was not answered."""

    clients: dict[str, Client] = field(default_factory=lambda: {})
    overlaps: int = 0
    _at_work: set[str] = field(default_factory=lambda: set[str]())

    def add(self, client: Client) -> Client:
        self.clients[client.id] = client
        return client

    def account(self, client: Client, server: MailScript, **changes: Any) -> dict[str, Any]:
        """What an account at `server` says that signs in with tokens from here."""
        oauth = {"token_url": f"{self.url}/token", "client_id": client.id}
        fields = {"port": server.port, "username": "shop@kettle.example", "oauth": oauth}
        fields |= {"refresh_token": client.refresh_token, "client_secret": client.secret}
        return fields | changes

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        client = request.fields["client_id"]
        self.overlaps += client in self._at_work
        self._at_work.add(client)
        try:
            return await super()._answer(request, writer)
        finally:
            self._at_work.discard(client)

    def _usual(self, request: Request) -> Scripted:
        return self.clients[request.fields["client_id"]].answer(request)


def refusal(status: int, error: str, description: str = "") -> Scripted:
    return Scripted(status, json.dumps({"error": error, "error_description": description}).encode())


def tokens_shown(server: MailScript) -> list[str]:
    """The access tokens that came to a mail server, in order."""
    shown = [line.split()[2] for line in server.heard if line.upper().startswith("AUTH XOAUTH2 ")]
    return [base64.b64decode(one).decode().split("Bearer ")[1].rstrip("\x01") for one in shown]
