"""Telling owners of partners that an account was stopped: once for each stop, through the platform's account (B9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from common.events import EventRef, MessageRequested, PartnerChanged, Received, Recipient
from common.ids import computed_id
from outbox.facts import SOURCE
from outbox.handlers import Outbox, message_document
from outbox.stops.storage import Owner, StoppedAccount, StopStore
from outbox.stops.words import content

KIND = "account.stopped"
PRIORITY = 1


@dataclass
class Stops:
    """What telling works with; `platform` is the partner whose default account it goes through."""

    store: StopStore
    outbox: Outbox
    platform: str


async def keep_partners(stops: Stops, events: Sequence[Received[PartnerChanged]]) -> None:
    """Know the owners of partners."""
    await stops.store.keep_partners([event.data for event in events])


async def tell_owners(stops: Stops) -> None:
    """Put a message about each stop into the queue; its id is computed, so any number of processes make one.

    A partner whose owner is not known yet is told as soon as he is. The platform has no owner: that its own account is
    stopped shows in its health and in the metrics.
    """
    if not (untold := await stops.store.untold()):
        return
    owners = await stops.store.owners(one.partner_id for one in untold)
    telling = [one for one in untold if one.partner_id in owners]
    accounts = await stops.outbox.store.default_accounts_of_all_partners([stops.platform])
    account, now = accounts.get((stops.platform, "email")), datetime.now(UTC)
    messages = [_message(stops.platform, one, owners[one.partner_id]) for one in telling]
    documents = [message_document(one, account, now) for one in messages]
    await stops.outbox.delivery.take_in(documents, {account.id: account} if account else {})
    for one in telling:
        await stops.store.told(one)


def _message(platform: str, stop: StoppedAccount, owner: Owner) -> MessageRequested:
    event_id = f"{stop.account_id}@{stop.since.isoformat()}"
    return MessageRequested(
        message_id=computed_id(KIND, event_id),
        partner_id=platform,
        kind=KIND,
        recipient=Recipient(
            address=owner.email, name=owner.partner_name, reasons=[f"owner of {stop.partner_id}, whose account it is"]
        ),
        content=content(
            owner.language, name=stop.name, from_address=stop.from_address, host=stop.host, words=stop.words
        ),
        priority=PRIORITY,
        event=EventRef(source=SOURCE, id=event_id, time=stop.since),
    )
