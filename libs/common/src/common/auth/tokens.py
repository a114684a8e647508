"""From a token to the caller: the one place where tokens are checked.

Services trust identity's public keys, which every process reads from the topic `signing_key.changed` before it is
ready. So no service has to be reachable for another to check a token.
"""

import base64
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from common.auth.revocations import Revocations
from common.authors import Actor, Asker, Author
from common.errors import NotSignedIn, Poison, RevocationsUnheard
from common.events.identity import SigningKeyChanged

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105  RFC 9068's media type
REMEMBERED = 2_000
"""Tokens whose signature need not be checked again; a few megabytes."""
REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat", "partner_id"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: user `user_id` of partner `partner_id`, with these permissions. `session_id`: the sign-in or
    the entry that it comes of; `actor`: who acts for the user, if it is not he himself (E6)."""

    user_id: str
    partner_id: str
    permissions: frozenset[str]
    session_id: str | None = None
    actor: Actor | None = None

    @property
    def author(self) -> Author:
        """As whom a change by this request is remembered."""
        return Author(self.user_id, self.actor)

    @property
    def asker(self) -> Asker:
        """As whom logs and spans name him."""
        return Asker(self.author, self.partner_id)


@dataclass(slots=True)
class TrustedKeys:
    """Identity's public keys by `kid`, kept up to date from the topic."""

    _keys: dict[str, tuple[SigningKeyChanged, Ed25519PublicKey | None]] = field(default_factory=lambda: {})
    """None: a deleted one, of which nothing but that needs to be said."""

    def apply(self, state: SigningKeyChanged) -> None:
        """Take a state of the topic; older ones than what is known are ignored. Raises Poison for what is no key."""
        known = self._keys.get(state.kid)
        if known is not None and known[0].version >= state.version:
            return
        self._keys[state.kid] = (state, None if state.deleted else _public_key(state.public_key))

    def get(self, kid: str, leeway: timedelta) -> Ed25519PublicKey | None:
        """The key, unless it is unknown, deleted or past its time."""
        known = self._keys.get(kid)
        if known is None or known[1] is None:
            return None
        until = known[0].trusted_until
        return known[1] if until is None or datetime.now(UTC) < until + leeway else None

    def __len__(self) -> int:
        return len(self._keys)


def _public_key(text: str) -> Ed25519PublicKey:
    """Raises Poison."""
    try:
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise Poison("breaks_contract", "public_key") from None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a token says that is signed with `key`; it expires at `until` (seconds of the epoch). `version` and
    `actor_version` are the states of user and actor that it was made from."""

    kid: str
    key: Ed25519PublicKey
    until: float
    caller: Caller
    version: int
    actor_version: int


class CheckedTokens:
    """What was checked of tokens, by the whole token: of the last `most` that were asked for."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._checked: OrderedDict[str, Checked] = OrderedDict()

    def get(self, token: str) -> Checked | None:
        checked = self._checked.get(token)
        if checked is not None:
            self._checked.move_to_end(token)
        return checked

    def keep(self, token: str, checked: Checked) -> None:
        self._checked[token] = checked
        if len(self._checked) > self._most:
            self._checked.popitem(last=False)

    def forget(self, token: str) -> None:
        self._checked.pop(token, None)

    def __len__(self) -> int:
        return len(self._checked)


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """Checks access tokens: algorithm, key, type, issuer, audience, times, the claims we rely on, and whether they were
    revoked. Who acts for somebody else is let in only while we have heard of revocations for at most `silence`."""

    keys: TrustedKeys
    revocations: Revocations
    issuer: str
    audience: str
    leeway: timedelta
    silence: timedelta
    checked: CheckedTokens = field(default_factory=CheckedTokens)
    """A signature that was good stays good. All that may change is checked with each request."""

    def caller(self, token: str) -> Caller:
        """Who the token speaks for. Raises NotSignedIn for any token that is not good, with the same words for all, and
        RevocationsUnheard for one that somebody else acts with."""
        checked = self.checked.get(token)
        if checked is None or not self._holds(checked):
            self.checked.forget(token)
            checked = self._check(token)
            self.checked.keep(token, checked)
        self._check_revocations(checked)
        return checked.caller

    def _holds(self, checked: Checked) -> bool:
        """False once it expired, or its key is not trusted any more, or was announced anew."""
        return time.time() < checked.until and self.keys.get(checked.kid, self.leeway) is checked.key

    def _check(self, token: str) -> Checked:
        """Raises NotSignedIn."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") != ALGORITHM or header.get("typ") != TOKEN_TYPE:
                raise NotSignedIn("The token is not one of ours.", because="forged")
            kid = str(header.get("kid"))
            key = self.keys.get(kid, self.leeway)
            if key is None:
                words = "The token is signed with a key that is not trusted. Sign in again."
                raise NotSignedIn(words, because="unknown key")
            claims = jwt.decode(
                token, key, algorithms=[ALGORITHM], issuer=self.issuer, audience=self.audience,
                leeway=self.leeway, options={"require": REQUIRED_CLAIMS},
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise NotSignedIn("The token has expired. Sign in again.", because="expired") from None
        except jwt.PyJWTError:
            raise NotSignedIn("The token is not valid. Sign in again.", because="forged") from None
        caller = _caller(claims)
        until = int(claims["exp"]) + self.leeway.total_seconds()
        actor_version = _version(claims["act"]) if caller.actor else 0
        return Checked(kid, key, until, caller, _version(claims), actor_version)

    def _check_revocations(self, checked: Checked) -> None:
        """Raises NotSignedIn, RevocationsUnheard."""
        caller, refuse = checked.caller, self.revocations.refuse
        if (
            refuse(caller.user_id, checked.version)
            or (caller.session_id is not None and refuse(caller.session_id, 0))
            or (caller.actor is not None and refuse(caller.actor.user_id, checked.actor_version))
        ):
            words = "This access was revoked or changed. Get a new token, or sign in again."
            raise NotSignedIn(words, because="revoked", asker=caller.asker)
        if caller.actor is not None and self.revocations.silence() > self.silence.total_seconds():
            raise RevocationsUnheard("Nothing was heard of revocations for some seconds. Send the same request again.")


def _version(claims: Mapping[str, Any]) -> int:
    """Which state of its subject a token was made from."""
    version = claims.get("ver", 0)
    if not isinstance(version, int):
        raise NotSignedIn("The token is not one of ours.", because="forged")
    return version


def _caller(claims: Mapping[str, Any]) -> Caller:
    permissions, partner_id = claims.get("permissions", []), claims["partner_id"]
    session_id = claims.get("sid")
    well_formed = (
        isinstance(permissions, list)
        and isinstance(partner_id, str)
        and partner_id
        and isinstance(session_id, str | None)
    )
    if not well_formed:
        raise NotSignedIn("The token is not one of ours.", because="forged")
    return Caller(str(claims["sub"]), partner_id, frozenset(map(str, permissions)), session_id, _actor(claims))


def _actor(claims: Mapping[str, Any]) -> Actor | None:
    """Who acts (RFC 8693, 4.1), None where it is the user himself."""
    if "act" not in claims:
        return None
    match claims["act"]:
        case {"sub": str(user_id), "partner_id": str(partner_id)} if user_id and partner_id:
            return Actor(user_id, partner_id)
        case _:
            raise NotSignedIn("The token is not one of ours.", because="forged")
