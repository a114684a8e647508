"""What a partner may not set (A6)."""

from datetime import datetime, timedelta

from common.errors import Invalid

LONGEST = timedelta(days=365)


class BadMute(Invalid):
    """A mute that is over already, or would be forgotten."""

    code, title = "bad-mute", "A kind is muted until a time in the future, at most a year ahead"


def checked(until: datetime, now: datetime) -> datetime:
    """`until`, if a kind may be muted until then. Raises BadMute."""
    if until <= now:
        raise BadMute("This time is over. Give one in the future, with its offset from UTC.")
    if until > now + LONGEST:
        raise BadMute(f"Give a time before {(now + LONGEST):%Y-%m-%d}.")
    return until


class SmsNotAllowed(Invalid):
    """A channel is asked for that the kind does not have."""

    code, title = "channel-not-allowed", "The kind is not sent on this channel"
