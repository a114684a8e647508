"""Keys and signatures of machines, by PyJWT."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from identity.machines.domain import Assertion, InvalidClient, KeyRefused, PrivateKeySent, PublicKey

ALGORITHMS = ("EdDSA", "ES256", "RS256")
RSA_BITS = range(2048, 4096 + 1)
"""Shorter ones are too weak, longer ones take long to check."""
RSA_EXPONENT = 65537
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")
_NOT_GOOD = (jwt.PyJWTError, ValidationError)
"""What is raised for bytes that are no assertion, or are signed otherwise."""
_jws = jwt.PyJWS(ALGORITHMS)


class _Claims(BaseModel):
    """What has to be in an assertion; the rest is ignored."""

    model_config = ConfigDict(strict=True, frozen=True)

    iss: str
    sub: str
    aud: str | list[str]
    jti: Annotated[str, Field(min_length=1, max_length=200)]
    exp: Annotated[float, Field(allow_inf_nan=False)]
    iat: Annotated[float, Field(allow_inf_nan=False)] = 0
    nbf: Annotated[float, Field(allow_inf_nan=False)] = 0


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who an assertion says it is of, and signed with which key; nothing of it is proven. Empty for what is none."""

    machine_id: str = ""
    kid: str | None = None


def read_keys(jwks: Iterable[Mapping[str, Any]]) -> tuple[PublicKey, ...]:
    """The keys of a JWK Set. Raises PrivateKeySent, KeyRefused."""
    keys = tuple(_read_key(number, jwk) for number, jwk in enumerate(jwks, 1))
    if len({key.kid for key in keys}) < len(keys):
        raise KeyRefused("Give each key a `kid` of its own.")
    return keys


def _read_key(number: int, jwk: Mapping[str, Any]) -> PublicKey:
    kid = jwk["kid"]
    if not _PRIVATE.isdisjoint(jwk):
        raise PrivateKeySent("Make a new key, and send the public half of it alone.", number=number)
    if jwk.get("use", "sig") != "sig":
        raise KeyRefused("It is not for signatures.", number=number)
    public = {name: jwk[name] for name in _PUBLIC if name in jwk}
    algorithm = _algorithm_of(public)
    if algorithm is None or jwk.get("alg", algorithm) != algorithm:
        raise KeyRefused(
            "Send an Ed25519 key (EdDSA), one of the curve P-256 (ES256), or an RSA key (RS256) of "
            f"{RSA_BITS[0]} to {RSA_BITS[-1]} bits with the exponent {RSA_EXPONENT}.",
            number=number,
        )
    return PublicKey(kid, algorithm, public)


def _algorithm_of(public: dict[str, str]) -> str | None:
    """The algorithm that is of the key's own type; None for a key that will not do."""
    try:
        key = jwt.PyJWK(public).key
    except (jwt.PyJWTError, KeyError):  # the latter of a symmetric one, whose key is missing
        return None
    match key:
        case Ed25519PublicKey():
            return "EdDSA"
        case EllipticCurvePublicKey(curve=SECP256R1()):
            return "ES256"
        case RSAPublicKey() if key.key_size in RSA_BITS and key.public_numbers().e == RSA_EXPONENT:
            return "RS256"
        case _:
            return None


def claimed(assertion: str) -> Claimed:
    """Whose key has to be looked for."""
    try:
        read = _jws.decode_complete(assertion, options={"verify_signature": False})
        return Claimed(_Claims.model_validate_json(read["payload"]).sub, read["header"].get("kid"))
    except _NOT_GOOD:
        return Claimed()


def verified(assertion: str, key: PublicKey) -> Assertion:
    """What is signed with this key, by the algorithm of the key and no other. Raises InvalidClient."""
    try:
        signed = _jws.decode(assertion, jwt.PyJWK(dict(key.jwk), key.algorithm), algorithms=[key.algorithm])
        said = _Claims.model_validate_json(signed)
    except _NOT_GOOD:
        raise InvalidClient from None
    audience = frozenset([said.aud] if isinstance(said.aud, str) else said.aud)
    return Assertion(said.iss, said.sub, audience, said.jti, said.iat, said.nbf, said.exp)
