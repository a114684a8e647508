"""OAuth's words."""

from pydantic import BaseModel, Field

from common.auth import STAFF_ONLY, Permission
from identity.keys.clients import Signer
from identity.machines.clients import ALGORITHMS

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANTS = ("refresh_token", "client_credentials", "authorization_code", TOKEN_EXCHANGE)


class Metadata(BaseModel):
    """Where and how tokens are given (RFC 8414); the issuer is the address of this service."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: list[str] = Field(default=[], description="None: nobody is sent to and fro.")
    grant_types_supported: list[str] = list(GRANTS)
    token_endpoint_auth_methods_supported: list[str] = [
        "none", "client_secret_basic", "client_secret_post", "private_key_jwt",
    ]  # fmt: skip
    token_endpoint_auth_signing_alg_values_supported: list[str] = list(ALGORITHMS)
    code_challenge_methods_supported: list[str] = ["S256"]
    scopes_supported: list[str] = sorted(map(str, set(Permission) - STAFF_ONLY))

    @classmethod
    def of(cls, signer: Signer) -> "Metadata":
        base = signer.issuer.rstrip("/")
        jwks_uri = f"{base}/.well-known/jwks.json"
        return cls(issuer=signer.issuer, token_endpoint=signer.token_endpoint, jwks_uri=jwks_uri)
