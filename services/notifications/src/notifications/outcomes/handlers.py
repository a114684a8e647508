"""Keeping what became of messages, and forgetting it in time (A9)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from common.events import MessageFailed, Received
from notifications.outcomes.domain import MessageStatus, Outcome
from notifications.outcomes.schemas import Sent
from notifications.outcomes.storage import Outcomes


async def keep_outcomes(outcomes: Outcomes, events: Sequence[Received[Sent] | Received[MessageFailed]]) -> None:
    """Remember how messages ended, whoever requested them."""
    await outcomes.keep([_outcome(event.data) for event in events])


def _outcome(data: Sent | MessageFailed) -> Outcome:
    if isinstance(data, Sent):
        status, reply = MessageStatus.SENT, data.provider_reply
    else:
        status, reply = MessageStatus.ERROR, data.provider_reply or data.reason
    return Outcome(data.message_id, data.partner_id, status, data.executed_at, reply)


async def forget_old(outcomes: Outcomes, kept: timedelta) -> None:
    """Forget decisions and outcomes that are older than `kept`, batch by batch."""
    before = datetime.now(UTC) - kept
    while await outcomes.forget(before):
        pass
