"""The use cases of the timeline (C13, D5)."""

from collections.abc import Sequence

from common.events import MessageFailed, MessageSent, Received
from common.ids import computed_id
from common.mongo import Document
from crm.timeline.storage import TimelineStore


async def keep(store: TimelineStore, events: Sequence[Received[MessageSent] | Received[MessageFailed]]) -> None:
    """Put what became of messages on the timeline; a repeated event changes nothing."""
    await store.keep([_entry(event) for event in events])


def _entry(event: Received[MessageSent] | Received[MessageFailed]) -> Document:
    data = event.data
    return {
        "_id": computed_id(event.source, event.id),
        "partner_id": data.partner_id,
        "message_id": data.message_id,
        "address": data.recipient.address,
        "folded_address": data.recipient.address.casefold(),
        "person_id": data.recipient.person_id,
        "kind": data.kind,
        "channel": data.channel,
        "outcome": "sent" if isinstance(data, MessageSent) else "failed",
        "subject": data.subject,
        "order_number": data.order_numbers or data.order_number,  # one field, so that one index finds all
        "at": data.executed_at,
        "possible_duplicate": data.possible_duplicate,
        "provider_reply": data.provider_reply,
    }
