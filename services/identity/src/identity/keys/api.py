"""The public keys over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response

from common.http import provided
from identity.keys import handlers
from identity.keys.handlers import Keys
from identity.keys.schemas import Jwk, Jwks

KeysDep = Annotated[Keys, provided(Keys)]

router = APIRouter(tags=["sign-in"])


@router.get("/.well-known/jwks.json")
async def jwks(keys: KeysDep, response: Response) -> Jwks:
    """The public keys that tokens are signed with, the coming ones included (RFC 7517)."""
    # A new key must reach whoever keeps the old answer before it signs.
    response.headers["Cache-Control"] = f"public, max-age={int(keys.overlap.total_seconds()) // 2}"
    return Jwks(keys=[Jwk(kid=key.kid, x=key.public_key) for key in await handlers.trusted(keys)])
