"""Checking tokens: each way of forging one is refused."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.auth import Permission, Revocations, TokenCheck, TrustedKeys
from common.auth.tokens import CheckedTokens
from common.errors import NotSignedIn, RevocationsUnheard
from common.events import AccessRevoked, SigningKeyChanged
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


def test_a_key_that_is_deleted_without_a_word_more_is_not_trusted() -> None:
    """The other fields of a deleted state are empty."""
    keys = TrustedKeys()
    keys.apply(TOKENS.announcement)
    keys.apply(SigningKeyChanged(kid=TOKENS.kid, version=2, deleted=True))
    assert keys.get(TOKENS.kid, timedelta()) is None


class Again:
    """Tokens that were checked before, and what may change of them meanwhile."""

    def __init__(self) -> None:
        self.keys, self.revocations, self.tokens = TrustedKeys(), Revocations(), Tokens()
        self.check = check_with(self.keys, self.revocations)
        self.keys.apply(self.tokens.announcement)
        self.hear()

    def hear(self, subject: str = AccessRevoked.HEARTBEAT, **state: Any) -> None:
        """All that there is of revocations, this one as the last."""
        self.revocations.apply(AccessRevoked(subject=subject, version=1, **state))
        self.revocations.at_end()

    def seen(self, **claims: Any) -> str:
        """A token that was good, twice."""
        token = self.tokens.sign("prt_1", user_id="usr_1", **claims)
        assert self.check.caller(token) == self.check.caller(token)
        assert self.check.checked.get(token) is not None
        return token

    def is_refused(self, token: str) -> bool:
        try:
            self.check.caller(token)
        except NotSignedIn:
            return True
        return False


@pytest.fixture
def again() -> Again:
    return Again()


ACT = {"sub": "usr_master", "partner_id": "prt_master", "ver": 0}


@pytest.mark.parametrize("revoked", ["usr_1", "ses_1", "usr_master"])
def test_a_token_that_was_good_is_refused_once_its_access_is_revoked(again: Again, revoked: str) -> None:
    """E6: that of its user, of its session, or of whoever acts with it."""
    token, others = again.seen(sid="ses_1", act=ACT), again.tokens.sign("prt_1", user_id="usr_2")
    again.hear(revoked, deleted=revoked == "ses_1")
    assert again.is_refused(token)
    assert not again.is_refused(others)


def test_a_token_that_was_good_is_refused_when_its_time_is_over(again: Again) -> None:
    """E6."""
    token = again.seen(exp=_now(-29))
    end = time.monotonic() + 10
    while not again.is_refused(token):
        assert time.monotonic() < end
    assert again.check.checked.get(token) is None


@pytest.mark.parametrize("change", [{"deleted": True}, {"trusted_until": _now(-60)}])
def test_a_token_that_was_good_is_refused_when_its_key_is_withdrawn(again: Again, change: dict[str, Any]) -> None:
    """F6."""
    token = again.seen()
    again.keys.apply(again.tokens.announcement.model_copy(update={"version": 2, **change}))
    assert again.is_refused(token)


def test_a_token_that_was_good_stays_so_when_its_key_is_announced_anew(again: Again) -> None:
    """F6: with an end that has not come; but another key of the same name is not taken for it."""
    token = again.seen()
    again.keys.apply(again.tokens.announcement.model_copy(update={"version": 2, "trusted_until": _now(60)}))
    assert not again.is_refused(token)
    again.keys.apply(Tokens().announcement.model_copy(update={"version": 3}))
    assert again.is_refused(token)


def test_who_acted_for_another_before_waits_while_revocations_are_not_heard() -> None:
    """E6."""
    again = Again()
    again.check = replace(again.check, silence=timedelta())
    token = again.tokens.sign("prt_1", act=ACT)
    for _ in range(2):
        with pytest.raises(RevocationsUnheard):
            again.check.caller(token)
    assert not again.is_refused(again.seen())


def test_no_other_token_is_taken_for_one_that_was_good(again: Again) -> None:
    """E6: not one that has its claims or its signature."""
    head, said, signature = again.seen().split(".")
    other_head, other_said, other_signature = again.seen(sid="ses_2").split(".")
    assert again.is_refused(f"{head}.{other_said}.{signature}")
    assert again.is_refused(f"{head}.{said}.{other_signature}")
    assert again.is_refused(f"{head}.{said}.")
    assert again.is_refused(f"{other_head}.{said}.{other_signature}")


def test_only_the_last_tokens_are_remembered(check: TokenCheck) -> None:
    """E6: and none that is not good; who was forgotten is checked anew."""
    check = replace(check, checked=CheckedTokens(most=3))
    tokens = [TOKENS.sign("prt_1", user_id=f"usr_{number}") for number in range(5)]
    for token in tokens:
        assert check.caller(token)
        assert check.caller(tokens[0]).user_id == "usr_0"
    for forged in forgeries(TOKENS, "prt_1").values():
        with pytest.raises(NotSignedIn):
            check.caller(forged)
    assert [check.checked.get(token) is not None for token in tokens] == [True, False, False, True, True]
    assert len(check.checked) == 3
    assert check.caller(tokens[1]).user_id == "usr_1"
