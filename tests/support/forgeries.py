"""Access tokens that let nobody in, by what is wrong with them. Otherwise each would be good for everything."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.auth import ALGORITHM, Permission
from tests.support.tokens import Tokens, encoded


def forgeries(tokens: Tokens, partner_id: str) -> dict[str, str]:
    """Tokens of somebody with every permission at this partner, as a thief or a forger might bring them."""
    good = tokens.sign(partner_id, *Permission)
    head, claims, signature = good.split(".")
    others = tokens.sign(f"{partner_id}_2", *Permission).split(".")[1]
    other = Ed25519PrivateKey.generate()
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    def signed(key: Any, algorithm: str, **header: Any) -> str:
        return jwt.encode(tokens.claims(partner_id, *Permission), key, algorithm, headers=tokens.header | header)

    return {
        "expired": tokens.sign(partner_id, *Permission, exp=an_hour_ago),
        "for another audience": tokens.sign(partner_id, *Permission, aud="another"),
        "of another issuer": tokens.sign(partner_id, *Permission, iss="https://evil.example"),
        "not signed": signed(None, "none"),
        "signed with the public key as a secret": signed(encoded(tokens.private_key), "HS256"),
        "of a key that is not known": signed(other, ALGORITHM, kid="another"),
        "signed with another key": signed(other, ALGORITHM),
        "of a known key under another name": signed(tokens.private_key, ALGORITHM, kid="another"),
        "signed with a key that it brings along": signed(
            other, ALGORITHM, jwk={"kty": "OKP", "crv": "Ed25519", "x": encoded(other)}
        ),
        "of another type": signed(tokens.private_key, ALGORITHM, typ="JWT"),
        "with the signature cut off": f"{head}.{claims}.",
        "with the signature of another": f"{head}.{others}.{signature}",
        "junk": "a.b.c",
    }
