"""Machines that sign with keys of their own (RFC 7523)."""

import time
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import get_default_algorithms

from tests.support.eventually import unique
from tests.support.platform import Service
from tests.support.tokens import ISSUER

Json = dict[str, Any]
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAKING = {
    "EdDSA": Ed25519PrivateKey.generate,
    "ES256": lambda: generate_private_key(SECP256R1()),
    "RS256": lambda: generate_rsa_key(65537, 2048),
}


class Key:
    """A key pair of a machine."""

    def __init__(self, algorithm: str = "EdDSA", private: Any = None) -> None:
        self.algorithm = algorithm
        self.private = private or MAKING[algorithm]()
        self.kid = unique("key")

    @property
    def jwk(self) -> Json:
        """The public half."""
        return self._as_jwk(self.private.public_key())

    @property
    def private_jwk(self) -> Json:
        return self._as_jwk(self.private)

    def _as_jwk(self, half: Any) -> Json:
        return {**get_default_algorithms()[self.algorithm].to_jwk(half, as_dict=True), "kid": self.kid}

    def signs(self, machine: Json, *, header: Json | None = None, **claims: Any) -> str:
        """An assertion; `header` and `claims` replace what is usual (None removes it)."""
        client_id, now = machine["client_id"], time.time()
        usual = {"iss": client_id, "sub": client_id, "aud": ISSUER, "jti": uuid4().hex, "iat": now, "exp": now + 60}
        said = {name: value for name, value in (usual | claims).items() if value is not None}
        headers = {name: value for name, value in {"kid": self.kid, **(header or {})}.items() if value is not None}
        return jwt.encode(said, self.private, self.algorithm, headers=headers)


async def make_with(identity: Service, by: dict[str, str], *keys: Key) -> Json:
    """A new machine that signs with these."""
    body = {"name": "Order system", "permissions": ["outbox:read"], "jwks": {"keys": [key.jwk for key in keys]}}
    answer = await identity.http.post("/machines", json=body, headers=by)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def replace(
    identity: Service, by: dict[str, str], machine: Json, *keys: Json, overlap: int = 0
) -> httpx.Response:
    """Give a machine other public keys."""
    body = {"jwks": {"keys": keys}, "overlap_seconds": overlap}
    return await identity.http.put(f"/machines/{machine['client_id']}/keys", json=body, headers=by)


async def show(identity: Service, assertion: str, **form: str) -> httpx.Response:
    """Ask for a token with an assertion."""
    usual = {"grant_type": "client_credentials", "client_assertion_type": JWT_BEARER, "client_assertion": assertion}
    return await identity.http.post("/token", data=usual | form)
