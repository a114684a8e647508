"""A partner with a master user, and clients that gave access."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx
import jwt

from tests.identity.test_permissions import add_user
from tests.identity.test_sessions import bearer, begin
from tests.identity.test_sign_in import new_partner
from tests.support.platform import Service

Json = dict[str, Any]
Headers = dict[str, str]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SCOPE = ["outbox:read", "crm:read", "users:read", "entries:read"]
"""What clients give, unless a test says otherwise: a route of each service asks for no more."""
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Client:
    """A client's account, with its owner signed in."""

    def __init__(self, identity: Service, partner: Json, owner: Headers) -> None:
        self.identity = identity
        self.id: str = partner["partner_id"]
        self.owner_id: str = partner["owner_id"]
        self.owner = owner

    async def gives(self, partner_id: str, **changes: Any) -> httpx.Response:
        """Access to a partner."""
        until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        access = {"permissions": SCOPE, "until": until, "confirm_each": False} | changes
        return await self.identity.http.put(f"/partner-access/{partner_id}", json=access, headers=self.owner)

    async def entries(self, **params: Any) -> list[Json]:
        answer = await self.identity.http.get("/entries", params=params, headers=self.owner)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    async def state(self) -> tuple[str, str | None]:
        """State of the newest entry, and why it ended."""
        newest = (await self.entries())[0]
        return newest["state"], newest["because"]


class Master:
    """A partner's master user, signed in; `owner` is an administrator of the partner."""

    def __init__(self, identity: Service, partner: Json, owner: Headers, user_id: str, email: str, own: Json) -> None:
        self.identity = identity
        self.partner_id: str = partner["partner_id"]
        self.owner = owner
        self.user_id = user_id
        self.email = email
        self.own = own
        self.headers = bearer(own)

    async def exchange(self, client_id: str, token: str | None = None, **form: str) -> httpx.Response:
        form = {"audience": client_id, "subject_token": token or self.own["access_token"]} | form
        return await self.identity.http.post("/token", data={"grant_type": EXCHANGE, **form})

    async def enters(self, client_id: str, **form: str) -> Json:
        answer = await self.exchange(client_id, **form)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def sees(self, **params: Any) -> Json:
        answer = await self.identity.http.get("/panel", params=params, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def asks(self, client_id: str) -> Json:
        answer = await self.identity.http.post(f"/panel/{client_id}/request", headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def code(self, client_id: str, challenge: str = CHALLENGE) -> str:
        body = {"code_challenge": challenge}
        answer = await self.identity.http.post(f"/panel/{client_id}/code", json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["code"]

    async def use(self, code: str, verifier: str = VERIFIER) -> httpx.Response:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        return await self.identity.http.post("/token", data=form)


def staff(identity: Service) -> Headers:
    return identity.tokens.headers("platform")


async def switch(identity: Service, url: str, on: bool, by: Headers | None = None) -> None:
    """Staff's, unless somebody else is said."""
    answer = await identity.http.put(url, json={"on": on}, headers=by or staff(identity))
    assert answer.status_code == 200, answer.text


async def new_client(identity: Service, name: str = "Client") -> Client:
    partner, email = await new_partner(identity, name=name)
    return Client(identity, partner, bearer(await begin(identity, email)))


async def new_master(identity: Service) -> Master:
    """Allowed by staff, marked by the owner."""
    partner, email = await new_partner(identity, name="Implementer")
    owner = bearer(await begin(identity, email))
    await switch(identity, f"/partners/{partner['partner_id']}/masters", True)
    user_id, email = await add_user(identity, owner)
    await switch(identity, f"/users/{user_id}/master", True, owner)
    return Master(identity, partner, owner, user_id, email, await begin(identity, email))


async def connected(identity: Service, **access: Any) -> tuple[Master, Client]:
    """A master, and a client that gave his partner access."""
    master, client = await new_master(identity), await new_client(identity)
    await switch(identity, f"/partners/{master.partner_id}/clients/{client.id}", True)
    given = await client.gives(master.partner_id, **access)
    assert given.status_code == 200, given.text
    return master, client


def claims(tokens: Json) -> Json:
    return jwt.decode(tokens["access_token"], options={"verify_signature": False})
