"""Checking tokens: each way of forging one is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.auth import Permission, Revocations, TokenCheck, TrustedKeys
from common.errors import NotSignedIn
from common.events import SigningKeyChanged
from tests.support.forgeries import forgeries
from tests.support.tokens import AUDIENCE, ISSUER, Tokens

TOKENS = Tokens()


@pytest.fixture
def check() -> TokenCheck:
    keys = TrustedKeys()
    keys.apply(TOKENS.announcement)
    return check_with(keys, Revocations())


def check_with(keys: TrustedKeys, revocations: Revocations) -> TokenCheck:
    """With the settings that services have."""
    return TokenCheck(keys, revocations, ISSUER, AUDIENCE, timedelta(seconds=30), timedelta(seconds=5))


def test_a_good_token_says_who_calls(check: TokenCheck) -> None:
    caller = check.caller(TOKENS.sign("prt_1", Permission.OUTBOX_READ, user_id="usr_1"))
    assert (caller.user_id, caller.partner_id, caller.permissions) == ("usr_1", "prt_1", {"outbox:read"})


def _now(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"exp": _now(-3600)},
        {"iat": _now(3600)},
        {"nbf": _now(3600)},
        {"exp": None},
        {"sub": None},
        {"partner_id": None},
        {"partner_id": ""},
        {"partner_id": 5},
        {"partner_id": {"$ne": None}},
        {"permissions": "outbox:read"},
        {"iss": None},
        {"aud": None},
        {"iat": None},
        {"exp": "soon"},
    ],
)
def test_a_token_with_wrong_claims_is_refused(check: TokenCheck, claims: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        check.caller(TOKENS.sign("prt_1", **claims))


def test_clocks_may_differ_by_half_a_minute(check: TokenCheck) -> None:
    assert check.caller(TOKENS.sign("prt_1", exp=_now(-20), iat=_now(-900))).partner_id == "prt_1"
    assert check.caller(TOKENS.sign("prt_1", iat=_now(28), nbf=_now(28))).partner_id == "prt_1"


@pytest.mark.parametrize(("claim", "seconds"), [("iat", 35), ("nbf", 35), ("exp", -35)])
def test_clocks_may_not_differ_by_more(check: TokenCheck, claim: str, seconds: int) -> None:
    claims: dict[str, Any] = {claim: _now(seconds)}
    with pytest.raises(NotSignedIn):
        check.caller(TOKENS.sign("prt_1", **claims))


FORGED = forgeries(TOKENS, "prt_1") | {"empty": "", "long": "ey" * 10_000}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(check: TokenCheck, token: str) -> None:
    with pytest.raises(NotSignedIn):
        check.caller(token)


def test_a_key_past_its_time_is_not_trusted_any_more() -> None:
    keys = TrustedKeys()
    retired = {"version": 2, "trusted_until": _now(-60)}
    keys.apply(TOKENS.announcement.model_copy(update=retired))
    with pytest.raises(NotSignedIn):
        check_with(keys, Revocations()).caller(TOKENS.sign("prt_1"))


def test_an_older_state_of_a_key_does_not_bring_trust_back() -> None:
    keys = TrustedKeys()
    keys.apply(SigningKeyChanged(kid=TOKENS.kid, version=2, deleted=True, public_key=TOKENS.announcement.public_key))
    keys.apply(TOKENS.announcement)
    assert keys.get(TOKENS.kid, timedelta()) is None
