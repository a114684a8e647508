"""The public keys as others read them."""

from pydantic import BaseModel


class Jwk(BaseModel):
    """A public key (RFC 8037)."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"
    kid: str
    x: str


class Jwks(BaseModel):
    keys: list[Jwk]
