"""The use cases of the outbox, one function each; the engine itself is in `delivery.py`."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from common.errors import Conflict, NotFound, Poison, Problem
from common.events import MessageRequested, Received
from common.keyring import Keyring
from common.logs import logger
from common.mongo import Document
from outbox import search
from outbox.announcements import Announcements
from outbox.attachments.handlers import Attachments, for_message
from outbox.delivery import Delivery
from outbox.domain import (
    RESENDABLE,
    Account,
    AccountStopped,
    AlreadySent,
    MessageUnknown,
    NoSenderAccount,
    Places,
    Status,
    StillSending,
)
from outbox.queue import NO_ACCOUNT, Queue
from outbox.storage import Filter, Store

log = logger(__name__)

RELAY_AFTER = timedelta(seconds=5)
RELAY_BATCH = 20
EXPORT_PAGE = 500
MOST_AROUND = 100_000
"""Characters of what is said around a message, which is all told again when it ends. A record that was compressed may
bring more than one may have that tells it, and behind that nothing else would be told."""
AT_ONCE = 20
"""Messages of one bulk request that are worked on at the same time."""


@dataclass
class Outbox:
    """What the use cases work with."""

    store: Store
    queue: Queue
    announcements: Announcements
    delivery: Delivery
    keyring: Keyring
    places: Places
    prune_after: timedelta
    deleted_kept: timedelta
    attachments: Attachments
    released_in_part: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when more messages may go through an account that they waited for than were released at once."""


async def all_messages(outbox: Outbox, partner_id: str, chosen: Filter) -> AsyncIterator[list[Document]]:
    """Everything that the filter finds, in pages."""
    after: tuple[datetime, str] | None = None
    while found := await outbox.store.page(partner_id, chosen, after, EXPORT_PAGE):
        yield found
        after = found[-1][chosen.by], found[-1]["_id"]


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one message of a bulk request: nothing is wrong, or `problem`."""

    message_id: str
    problem: Problem | None


async def take_in(outbox: Outbox, events: Sequence[Received[MessageRequested]]) -> None:
    """Keep requested messages, each once, and wake the engine. What was deleted is not sent again (F6).

    Without a sender account of their channel they wait for one, and with a `not_before` for that time. Raises Poison.
    """
    if any(_length_around(event.data) > MOST_AROUND for event in events):
        raise Poison("message_too_long", "its end could not be told: names, reasons and ids have too many characters")
    deleted, accounts = await asyncio.gather(
        outbox.store.deleted_of_all_partners(event.data.message_id for event in events),
        outbox.store.default_accounts_of_all_partners(event.data.partner_id for event in events),
    )
    events = [event for event in events if event.data.message_id not in deleted]
    now = datetime.now(UTC)
    documents = [
        message_document(event.data, accounts.get((event.data.partner_id, event.data.channel)), now, event.trace)
        for event in events
    ]
    for event, document in zip(events, documents, strict=True):
        if event.data.attachments:  # before it is kept, so that they stay from now on
            document["attachments"] = await for_message(
                outbox.attachments, event.data.partner_id, event.data.attachments
            )
    await outbox.delivery.take_in(documents, {account.id: account for account in accounts.values()})


def _length_around(message: MessageRequested) -> int:
    """Of the texts that its contract does not limit."""
    recipient, event, escalation = message.recipient, message.event, message.escalation
    texts = (recipient.name, recipient.person_id or "", *recipient.reasons, event.source, event.id)
    return sum(map(len, texts)) + (len(escalation.of_message_id) if escalation else 0)


def message_document(
    message: MessageRequested, account: Account | None, now: datetime, trace: str | None = None
) -> Document:
    """A message that was requested now, as it is kept; `account` is its partner's for its channel.

    Its parts are flat: their fields are taken as they are, a sixth of the cost of `model_dump`, which makes the same.
    """
    account_id = account.id if account else None
    leaves_at = max(now, message.not_before or now)
    waiting: Document = {} if account_id else {"waiting_reason": NO_ACCOUNT}
    if account_id and leaves_at > now:
        waiting = {"retry_at": leaves_at}  # found when its time comes, as what is tried again
    return {
        "_id": message.message_id,
        "partner_id": message.partner_id,
        "account_id": account_id,
        "kind": message.kind,
        "channel": message.channel,
        "recipient": {**vars(message.recipient), "words": search.words(message.recipient.address)},
        "content": {**vars(message.content)},
        "unsubscribe_url": message.unsubscribe_url,
        "order_number": message.order_numbers or message.order_number,
        "priority": message.priority,
        "rank": message.priority,
        "event": {**vars(message.event)},
        "escalation": {**vars(message.escalation)} if message.escalation else None,
        "trace": trace,
        "status": Status.WAITING,
        "requested_at": now,
        "due_since": leaves_at,
        "due_at": leaves_at if account_id else None,
        "executed_at": None,
        "error": None,
        "attempts": [],
        "possible_duplicate": False,
        **waiting,
    }


async def get_message(outbox: Outbox, partner_id: str, message_id: str) -> Document:
    """Raises MessageUnknown."""
    message = await outbox.store.message(partner_id, message_id)
    if message is None:
        raise MessageUnknown("There is no such message.")
    return message


async def accounts_of(outbox: Outbox, partner_id: str, messages: Sequence[Document]) -> dict[str, Account]:
    """The accounts that these messages go through, by id."""
    return await outbox.store.accounts_by_id(partner_id, {one["account_id"] for one in messages if one["account_id"]})


async def delete_message(outbox: Outbox, partner_id: str, message_id: str) -> None:
    """Delete a message from the list (B3). Raises MessageUnknown, StillSending."""
    message = await get_message(outbox, partner_id, message_id)
    announced = [one["announcement"] for one in message["attempts"] if "announcement" in one]
    if "unannounced" in message or await outbox.announcements.are_kept(announced):
        raise StillSending("What became of it is being announced; delete it in a moment.")
    if not await outbox.store.delete(partner_id, message_id, len(message["attempts"])):
        await get_message(outbox, partner_id, message_id)
        raise StillSending("Wait until the attempt ends, then delete it.")


async def resend_message(outbox: Outbox, partner_id: str, message_id: str) -> Document:
    """Send a message that waits or failed now (B4).

    Raises MessageUnknown, StillSending, NoSenderAccount, AccountStopped, AlreadySent.
    """
    await _check_account(outbox, partner_id, message_id)
    message = await outbox.store.resend(partner_id, message_id, datetime.now(UTC))
    if message is not None:
        outbox.delivery.hurry(message["account_id"])
        return message
    current = await get_message(outbox, partner_id, message_id)
    if current["status"] == Status.SENT:
        raise AlreadySent("The provider accepted it; it is not sent again.")
    if current["status"] != Status.SENDING and current["account_id"] is None:
        raise NoSenderAccount("There is no sender account to send it with; create one and it leaves by itself.")
    raise StillSending("An attempt is in flight, or what became of it is being announced; wait for the end.")


async def _check_account(outbox: Outbox, partner_id: str, message_id: str) -> None:
    """A press must not try what was stopped so that the provider does not lock it (B9).

    Raises MessageUnknown, AccountStopped.
    """
    message = await get_message(outbox, partner_id, message_id)
    account = (await accounts_of(outbox, partner_id, [message])).get(message["account_id"])
    if message["status"] in RESENDABLE and account and account.stopped_at:
        raise AccountStopped(
            f"The mail server refuses the account {account.name}. Change the account, or test it once it is mended: "
            "with the first test that works everything that waits leaves."
        )


async def resend_each(outbox: Outbox, partner_id: str, messages: Sequence[Document]) -> list[Item]:
    """Send each of them now that waits or failed; what cannot be says why (B4)."""
    return await _each(messages, lambda message_id: resend_message(outbox, partner_id, message_id))


async def delete_each(outbox: Outbox, partner_id: str, messages: Sequence[Document]) -> list[Item]:
    """Delete each of them that may be deleted; what cannot be says why (B3)."""
    return await _each(messages, lambda message_id: delete_message(outbox, partner_id, message_id))


async def _each(messages: Sequence[Document], do: Callable[[str], Awaitable[Any]]) -> list[Item]:
    async def one(message_id: str) -> Item:
        try:
            await do(message_id)
        except (NotFound, Conflict) as problem:
            return Item(message_id, problem)
        return Item(message_id, None)

    done: list[Item] = []
    for start in range(0, len(messages), AT_ONCE):
        done += await asyncio.gather(*(one(message["_id"]) for message in messages[start : start + AT_ONCE]))
    return done


async def take_back(outbox: Outbox) -> Counter[str]:
    """Make due again what a dead worker had claimed; returns how many may be sent twice now, by channel.

    A gateway that knows a repeated message by its id sends nothing twice.
    """
    now = datetime.now(UTC)
    ids = await outbox.queue.accounts_of_lost_claims(now)
    accounts = await outbox.store.accounts_by_id_of_all_partners(ids) if ids else {}
    alike: dict[tuple[str, bool], list[str]] = {}
    for account_id in ids:
        account = accounts.get(account_id)
        is_sure = account is not None and account.via.is_idempotent
        alike.setdefault((account.channel if account else "email", is_sure), []).append(account_id)
    doubtful: Counter[str] = Counter()
    for (channel, is_sure), those in alike.items():
        taken = await outbox.queue.take_back(those, now, outbox.delivery.results.unwritten, is_sure=is_sure)
        doubtful[channel] += 0 if is_sure else taken
    return doubtful


async def relay(outbox: Outbox) -> None:
    """Announce what a crash left unannounced."""
    before = datetime.now(UTC) - RELAY_AFTER
    while left := await outbox.announcements.left_behind(before, RELAY_BATCH):
        for announcement, records in left:
            await outbox.delivery.results.announce([announcement], records)


async def keep_for(outbox: Outbox, partner_id: str) -> timedelta:
    """How long finished messages of a partner are kept at least (B6)."""
    days = await outbox.store.keep_days(partner_id)
    return timedelta(days=days) if days else outbox.prune_after


async def prune(outbox: Outbox) -> None:
    """Of partners who have just sent an e-mail, delete what finished so long before it as they want it kept (B6)."""
    sent_for = outbox.delivery.results.sent_for
    for partner_id, sent_at in list(sent_for.items()):
        count, before = 0, sent_at - await keep_for(outbox, partner_id)
        while batch := await outbox.store.prune(partner_id, before):
            count += batch
        if sent_for[partner_id] == sent_at:
            del sent_for[partner_id]
        log.info("pruned", partner_id=partner_id, count=count)


async def forget_deleted(outbox: Outbox) -> None:
    """Forget what was deleted so long ago that nobody asks for it again."""
    while await outbox.store.forget_deleted_of_all_partners(datetime.now(UTC) - outbox.deleted_kept):
        pass
