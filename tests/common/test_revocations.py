"""What a process keeps of revocations, and what a token is held against (E6)."""

from typing import Any

import pytest

from common.auth import Revocations, TokenCheck, TrustedKeys
from common.authors import Actor
from common.errors import NotSignedIn, RevocationsUnheard
from common.events import AccessRevoked
from tests.common.test_auth import TOKENS, check_with

MASTER = {"sub": "usr_master", "partner_id": "prt_9", "ver": 2}


def revoked(subject: str, version: int, *, deleted: bool = False) -> AccessRevoked:
    return AccessRevoked(subject=subject, version=version, deleted=deleted)


def refuses(*states: AccessRevoked, **claims: Any) -> bool:
    """Whether a token of user `usr_1` is refused after these states."""
    revocations = Revocations()
    for state in states:
        revocations.apply(state)
    revocations.at_end()
    try:
        held_against(revocations).caller(TOKENS.sign("prt_1", user_id="usr_1", **claims))
    except NotSignedIn:
        return True
    return False


def held_against(revocations: Revocations) -> TokenCheck:
    keys = TrustedKeys()
    keys.apply(TOKENS.announcement)
    return check_with(keys, revocations)


def test_tokens_of_a_lower_version_are_refused() -> None:
    """E6: whatever their age; a token that says no version is older than any."""
    assert refuses(revoked("usr_1", 3), ver=2)
    assert refuses(revoked("usr_1", 3))
    assert not refuses(revoked("usr_1", 3), ver=3)
    assert not refuses(revoked("usr_2", 3), ver=2)


def test_states_that_come_late_or_again_change_nothing() -> None:
    """E6."""
    assert refuses(revoked("usr_1", 3), revoked("usr_1", 2), revoked("usr_1", 2), ver=2)
    assert refuses(revoked("usr_1", 3, deleted=True), revoked("usr_1", 2), ver=9)


def test_everything_of_a_deleted_user_or_an_ended_session_is_refused() -> None:
    """E6."""
    assert refuses(revoked("usr_1", 3, deleted=True), ver=9)
    assert refuses(revoked("ses_1", 1, deleted=True), sid="ses_1", ver=9)
    assert not refuses(revoked("ses_1", 1, deleted=True), sid="ses_2", ver=9)


def test_a_token_ends_with_the_access_of_whoever_acts() -> None:
    """E6: the actor's versions count as the user's do."""
    beat = revoked(AccessRevoked.HEARTBEAT, 1)
    assert refuses(beat, revoked("usr_master", 3), ver=1, act=MASTER)
    assert not refuses(beat, revoked("usr_master", 2), ver=1, act=MASTER)


@pytest.mark.parametrize(
    "claims",
    [
        {"ver": "1"},
        {"sid": 5},
        {"act": "usr_2"},
        {"act": {}},
        {"act": MASTER | {"sub": 5}},
        {"act": MASTER | {"sub": ""}},
        {"act": MASTER | {"partner_id": None}},
        {"act": {"sub": "usr_master"}},
        {"act": MASTER | {"ver": "2"}},
    ],
)
def test_a_token_with_strange_words_about_its_session_is_refused(claims: dict[str, Any]) -> None:
    """E6."""
    assert refuses(revoked(AccessRevoked.HEARTBEAT, 1), **claims)


def test_who_acts_for_another_is_let_in_only_while_the_topic_is_heard() -> None:
    """E6: a record counts once nothing is left unread behind it."""
    revocations = Revocations()
    check = held_against(revocations)
    token = TOKENS.sign("prt_1", act=MASTER)
    revocations.at_end()
    with pytest.raises(RevocationsUnheard):
        check.caller(token)
    revocations.apply(revoked(AccessRevoked.HEARTBEAT, 1))
    with pytest.raises(RevocationsUnheard):
        check.caller(token)
    revocations.at_end()
    assert check.caller(token).actor == Actor("usr_master", "prt_9")
