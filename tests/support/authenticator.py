"""A device with passkeys, as a browser would use it: real keys and signatures, and no person to ask (WebAuthn)."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

Json = dict[str, Any]
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """Has one passkey of a site. What it does wrong is set by its fields: `origin`, `is_verified`, `count`."""

    origin: str = "https://identity.switchboard"
    host: str = "identity.switchboard"
    is_verified: bool = True
    count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: str = ""
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: Json) -> Json:
        """`navigator.credentials.create`: the new credential as JSON."""
        asked = options["publicKey"]
        self.user_handle = asked["user"]["id"]
        length = len(self.id).to_bytes(2, "big")
        attested = bytes(16) + length + self.id + cbor2.dumps(self._public_key())
        data = self._data(ATTESTED) + attested
        statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", asked["challenge"])
        return self._credential({"clientDataJSON": _encoded(client_data), "attestationObject": _encoded(statement)})

    def get(self, options: Json) -> Json:
        """`navigator.credentials.get`: the signed challenge as JSON."""
        self.count += 1
        data, client_data = self._data(), self._client_data("webauthn.get", options["publicKey"]["challenge"])
        signature = self._key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": _encoded(client_data),
            "authenticatorData": _encoded(data),
            "signature": _encoded(signature),
            "userHandle": self.user_handle,
        }
        return self._credential(response)

    def _public_key(self) -> dict[int, Any]:
        """ES256 in COSE's words."""
        numbers = self._key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _data(self, flags: int = 0) -> bytes:
        flags |= PRESENT | (VERIFIED if self.is_verified else 0)
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _credential(self, response: Json) -> Json:
        name = _encoded(self.id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
