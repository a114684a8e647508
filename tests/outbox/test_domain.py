"""What answers mean, and when to try again (B10)."""

from datetime import UTC, datetime, timedelta

import pytest

from outbox.domain import Outcome, Stage, has_expired, lost, next_delay, understand


@pytest.mark.parametrize(
    ("stage", "code", "text", "outcome"),
    [
        (Stage.CONTENT, 250, "2.0.0 Ok: queued", Outcome.SENT),
        (Stage.CONTENT, 354, "go on", Outcome.UNKNOWN),
        (Stage.CONTENT, 25, "nonsense", Outcome.UNKNOWN),
        (Stage.CONTENT, 999, "nonsense", Outcome.UNKNOWN),
        (Stage.CONNECT, 250, "not a greeting", Outcome.TRY_AGAIN),
        (Stage.DATA, 250, "2.0.0 not yet", Outcome.TRY_AGAIN),
        (Stage.CONNECT, 554, "5.3.2 not now", Outcome.TRY_AGAIN),
        (Stage.CONNECT, 421, "4.3.2 too many connections", Outcome.TRY_AGAIN),
        (Stage.SIGN_IN, 535, "5.7.8 bad credentials", Outcome.ACCOUNT_REFUSED),
        (Stage.SIGN_IN, 454, "4.7.0 try later", Outcome.TRY_AGAIN),
        (Stage.SIGN_IN, -1, "Malformed SMTP response line", Outcome.TRY_AGAIN),
        (Stage.SIGN_IN, 250, "odd", Outcome.TRY_AGAIN),
        (Stage.SENDER, 530, "5.7.0 sign in first", Outcome.ACCOUNT_REFUSED),
        (Stage.SENDER, 550, "5.7.1 not you", Outcome.MESSAGE_REFUSED),
        (Stage.RECIPIENT, 550, "5.1.1 no such mailbox", Outcome.RECIPIENT_REFUSED),
        (Stage.RECIPIENT, 550, "no such mailbox", Outcome.RECIPIENT_REFUSED),
        (Stage.RECIPIENT, 550, "5.1.10 no such mailbox", Outcome.RECIPIENT_REFUSED),
        (Stage.RECIPIENT, 554, "5.7.1 relay access denied", Outcome.MESSAGE_REFUSED),
        (Stage.RECIPIENT, 550, "5.7.23 your SPF record", Outcome.MESSAGE_REFUSED),
        (Stage.RECIPIENT, 553, "5.1.8 your domain is not found", Outcome.MESSAGE_REFUSED),
        (Stage.RECIPIENT, 450, "4.2.0 greylisted", Outcome.TRY_AGAIN),
        (Stage.RECIPIENT, 451, "try later", Outcome.TRY_AGAIN),
        (Stage.RECIPIENT, 452, "4.5.3 too many", Outcome.TRY_AGAIN),
        (Stage.RECIPIENT, 552, "5.2.2 mailbox full", Outcome.TRY_AGAIN),
        (Stage.RECIPIENT, 552, "exceeded storage allocation", Outcome.TRY_AGAIN),
        (Stage.RECIPIENT, 552, "5.2.3 too big for this mailbox", Outcome.MESSAGE_REFUSED),
        (Stage.CONTENT, 552, "5.3.4 too big", Outcome.MESSAGE_REFUSED),
        (Stage.CONTENT, 554, "5.6.0 looks like spam", Outcome.MESSAGE_REFUSED),
    ],
)
def test_a_reply_means_one_thing(stage: Stage, code: int, text: str, outcome: Outcome) -> None:
    """B10: the code, the enhanced status and the provider's words are kept."""
    answer = understand(stage, code, text)
    assert (answer.outcome, answer.code, answer.reply) == (outcome, code, f"{code} {text}")
    assert answer.enhanced == (text.split()[0] if text[1] == "." else None)


@pytest.mark.parametrize("stage", list(Stage))
def test_only_silence_after_the_whole_message_leaves_the_truth_unknown(stage: Stage) -> None:
    expected = Outcome.UNKNOWN if stage is Stage.AFTER_CONTENT else Outcome.TRY_AGAIN
    assert lost(stage, "gone").outcome is expected


def test_delays_grow_and_differ() -> None:
    """B10."""
    schedule = (30.0, 120.0, 600.0)
    for attempts, seconds in ((1, 30), (2, 120), (3, 600), (9, 600)):
        delays = {next_delay(schedule, attempts).total_seconds() for _ in range(50)}
        assert seconds * 0.8 <= min(delays) <= max(delays) <= seconds * 1.2
        assert len(delays) > 1


def test_a_message_expires_by_age() -> None:
    """B10."""
    now = datetime.now(UTC)
    assert has_expired(now - timedelta(hours=73), now, timedelta(hours=72))
    assert not has_expired(now - timedelta(hours=71), now, timedelta(hours=72))
