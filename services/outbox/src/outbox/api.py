"""The outbox over HTTP: translate, call one handler, translate back."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from inspect import signature
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from common.audit.requests import RecordingDep
from common.auth import Caller, Permission, requires
from common.errors import Invalid, NotFound, NotSignedIn, PermissionMissing
from common.events import MessageChannel
from common.http import Cursor, Limit, Page, Time, a_file, download, errors, next_cursor, provided, time_position
from common.mongo import Document
from common.spelling import plain
from outbox import account_handlers, account_schemas, exports, handlers
from outbox.account_health import AccountHealth, TestResult
from outbox.account_schemas import AccountFields, AccountView, view_of
from outbox.domain import (
    AccountStopped,
    AccountUnknown,
    AlreadySent,
    FilterNeeded,
    MessageUnknown,
    NoSenderAccount,
    OtherKind,
    PasswordNeeded,
    PortRefused,
    Status,
    StillSending,
    UrlRefused,
)
from outbox.handlers import Item, Outbox
from outbox.schemas import (
    BoxSettings,
    BoxSettingsView,
    BulkItem,
    MessageDetail,
    MessageView,
)
from outbox.settings import Settings
from outbox.storage import Filter, TimeField

OutboxDep = Annotated[Outbox, provided(Outbox)]
SettingsDep = Annotated[Settings, provided(Settings)]
Reader = Annotated[Caller, requires(Permission.OUTBOX_READ)]
Resender = Annotated[Caller, requires(Permission.OUTBOX_RESEND)]
Deleter = Annotated[Caller, requires(Permission.OUTBOX_DELETE)]
AccountWriter = Annotated[Caller, requires(Permission.ACCOUNTS_WRITE)]
Text = Annotated[str | None, Query(max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")]
DoEach = Callable[[Outbox, str, Sequence[Document]], Awaitable[list[Item]]]

router = APIRouter()
ALWAYS = errors(NotSignedIn, PermissionMissing, Invalid)


async def _filter(
    channel: MessageChannel | None = None,
    status: Status | None = None,
    recipient: Text = None,
    order_number: Text = None,
    since: Time | None = None,
    until: Time | None = None,
    by: Annotated[TimeField, Query(description="Which time `since`, `until` and the order of the list are by.")] = (
        "requested_at"
    ),
) -> Filter:
    """`recipient` may be a part that begins at a word of an e-mail address, or anywhere in a phone number.

    A text with nothing in it to look for is no filter: an empty field of a form would mean the whole box.
    """
    wanted = recipient if plain(recipient or "").strip() else None
    return Filter(channel, status, wanted, order_number or None, since, until, by)


Chosen = Annotated[Filter, Depends(_filter)]
BULK = (*signature(_filter).parameters, "limit", "cursor")


async def _spelt(request: Request, chosen: Chosen) -> Filter:
    """What is no filter is left out, and so more messages would be meant than whoever misspelt one believes."""
    named = [name for name, _ in request.query_params.multi_items()]
    if not set(named) <= set(BULK) or len(named) > len(set(named)):
        raise Invalid(f"Send each of these once at the most, and nothing else: {', '.join(BULK)}.")
    return chosen


Spelt = Annotated[Filter, Depends(_spelt)]


@router.get("/messages", tags=["box"], responses=ALWAYS)
async def list_messages(
    caller: Reader, outbox: OutboxDep, chosen: Chosen, limit: Limit = 50, cursor: Cursor = None
) -> Page[MessageView]:
    """Every message sent or tried for the partner, newest first (B1, B5)."""
    found, following = await _page(outbox, caller, chosen, limit, cursor)
    return Page(items=await _views(outbox, caller, found), next=following)


async def _views(outbox: Outbox, caller: Caller, found: Sequence[Document]) -> list[MessageView]:
    accounts = await handlers.accounts_of(outbox, caller.partner_id, found)
    return [MessageView.of(one, accounts) for one in found]


async def _page(
    outbox: Outbox, caller: Caller, chosen: Filter, limit: int, cursor: str | None
) -> tuple[list[Document], str | None]:
    """(messages, the cursor of the following page). Raises Invalid."""
    found = await outbox.store.page(caller.partner_id, chosen, time_position(cursor), limit + 1)
    return found[:limit], next_cursor(found, limit, lambda one: [one[chosen.by].isoformat(), one["_id"]])


@router.get("/messages.csv", tags=["box"], responses=ALWAYS | a_file("text/csv"), response_class=StreamingResponse)
async def export_messages(caller: Reader, outbox: OutboxDep, chosen: Chosen) -> StreamingResponse:
    """The same list, all of it, as a CSV file."""

    async def pages() -> AsyncIterator[list[MessageView]]:
        async for found in handlers.all_messages(outbox, caller.partner_id, chosen):
            yield await _views(outbox, caller, found)

    return download(exports.write(pages()), "text/csv", "messages.csv")


@router.post("/messages/resend", tags=["box"], responses=ALWAYS | errors(FilterNeeded))
async def resend_messages(
    caller: Resender, outbox: OutboxDep, chosen: Spelt, limit: Limit = 50, cursor: Cursor = None
) -> Page[BulkItem]:
    """Send now what the filter finds, newest first, and say of each what became of it (B4). Go on with `next`."""
    return await _bulk(handlers.resend_each, outbox, caller, chosen, limit, cursor)


@router.post("/messages/delete", tags=["box"], responses=ALWAYS | errors(FilterNeeded))
async def delete_messages(
    caller: Deleter, outbox: OutboxDep, chosen: Spelt, limit: Limit = 50, cursor: Cursor = None
) -> Page[BulkItem]:
    """Delete what the filter finds, newest first, and say of each what became of it (B3). Go on with `next`."""
    return await _bulk(handlers.delete_each, outbox, caller, chosen, limit, cursor)


async def _bulk(
    do: DoEach, outbox: Outbox, caller: Caller, chosen: Filter, limit: int, cursor: str | None
) -> Page[BulkItem]:
    if chosen.is_empty:
        raise FilterNeeded("Send at least one filter, for example `status=ERROR`.")
    found, following = await _page(outbox, caller, chosen, limit, cursor)
    done = await do(outbox, caller.partner_id, found)
    return Page(items=[BulkItem.of(one.message_id, one.problem) for one in done], next=following)


@router.get("/messages/counts", tags=["box"], responses=ALWAYS)
async def count_messages(caller: Reader, outbox: OutboxDep) -> dict[Status, int]:
    """Messages by status (B9). 10,000 means: so many or more."""
    return await outbox.store.counts(caller.partner_id)


@router.get("/messages/{message_id}", tags=["box"], responses=ALWAYS | errors(MessageUnknown))
async def get_message(message_id: str, caller: Reader, outbox: OutboxDep) -> MessageDetail:
    """One message with its words, every attempt, and why its recipient received it (A9)."""
    found = await handlers.get_message(outbox, caller.partner_id, message_id)
    return MessageDetail.of(found, await handlers.accounts_of(outbox, caller.partner_id, [found]))


@router.delete(
    "/messages/{message_id}", status_code=204, tags=["box"], responses=ALWAYS | errors(MessageUnknown, StillSending)
)
async def delete_message(message_id: str, caller: Deleter, outbox: OutboxDep) -> None:
    """Delete a message, unless it is being sent (B3)."""
    await handlers.delete_message(outbox, caller.partner_id, message_id)


@router.post(
    "/messages/{message_id}/resend",
    tags=["box"],
    responses=ALWAYS | errors(MessageUnknown, StillSending, NoSenderAccount, AccountStopped, AlreadySent),
)
async def resend_message(message_id: str, caller: Resender, outbox: OutboxDep) -> MessageView:
    """Send a message that waits or failed now, once the cause is mended (B4)."""
    resent = await handlers.resend_message(outbox, caller.partner_id, message_id)
    return (await _views(outbox, caller, [resent]))[0]


@router.get("/orders/{order_number:path}/messages", tags=["box"], responses=ALWAYS | errors(NotFound))
async def messages_of_order(
    order_number: str, caller: Reader, outbox: OutboxDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[MessageView]:
    """The log of an order: what was sent about it, newest first (B8)."""
    if not order_number:  # which would be no filter, and the whole box
        raise NotFound("Say which order.")
    found, following = await _page(outbox, caller, Filter(order_number=order_number), limit, cursor)
    return Page(items=await _views(outbox, caller, found), next=following)


@router.get("/settings", tags=["box"], responses=ALWAYS)
async def get_settings(caller: Reader, outbox: OutboxDep) -> BoxSettingsView:
    """How long finished messages are kept (B6)."""
    return BoxSettingsView(keep_days=await handlers.keep_for(outbox, caller.partner_id) / timedelta(days=1))


@router.put("/settings", tags=["box"], responses=ALWAYS)
async def put_settings(new: BoxSettings, caller: Deleter, outbox: OutboxDep) -> BoxSettingsView:
    """Say how long finished messages are kept (B6). They are deleted when the next e-mail is sent, not now."""
    await outbox.store.set_keep_days(caller.partner_id, new.keep_days)
    return await get_settings(caller, outbox)


@router.post("/accounts", status_code=201, tags=["accounts"], responses=ALWAYS | errors(PortRefused, UrlRefused))
async def add_account(
    new: AccountFields, caller: AccountWriter, outbox: OutboxDep, settings: SettingsDep, recording: RecordingDep
) -> AccountView:
    """A new sender account (B11). Messages that waited for one leave at once."""
    account = account_schemas.to_domain(new, caller.partner_id, settings.account_connections)
    recording.made(account_id=account.id)
    return view_of(await account_handlers.add_account(outbox, account))


@router.get("/accounts", tags=["accounts"], responses=ALWAYS)
async def list_accounts(caller: Reader, outbox: OutboxDep) -> list[AccountView]:
    """The partner's sender accounts; never their secrets."""
    return [view_of(account) for account, _ in await account_handlers.health(outbox, caller.partner_id)]


@router.get("/accounts/health", tags=["accounts"], responses=ALWAYS)
async def health(caller: Reader, outbox: OutboxDep) -> list[AccountHealth]:
    """Whether each account works, since when not, the provider's last words, and which are stopped (B9)."""
    return [AccountHealth.of(*one) for one in await account_handlers.health(outbox, caller.partner_id)]


@router.put(
    "/accounts/{account_id}",
    tags=["accounts"],
    responses=ALWAYS | errors(AccountUnknown, PortRefused, UrlRefused, OtherKind, PasswordNeeded),
)
async def replace_account(
    account_id: str, new: AccountFields, caller: AccountWriter, outbox: OutboxDep, settings: SettingsDep
) -> AccountView:
    """Change a sender account; without a secret the old one stays, unless it would go to another server (B11).

    If it was stopped, everything that waits for it is tried at once (B9).
    """
    account = account_schemas.to_domain(new, caller.partner_id, settings.account_connections, account_id)
    return view_of(await account_handlers.replace_account(outbox, account))


@router.delete("/accounts/{account_id}", status_code=204, tags=["accounts"], responses=ALWAYS | errors(AccountUnknown))
async def remove_account(account_id: str, caller: AccountWriter, outbox: OutboxDep) -> None:
    """Delete a sender account; what waits for it then waits for another."""
    await account_handlers.remove_account(outbox, caller.partner_id, account_id)


@router.post("/accounts/{account_id}/test", tags=["accounts"], responses=ALWAYS | errors(AccountUnknown))
async def try_account(account_id: str, caller: AccountWriter, outbox: OutboxDep) -> TestResult:
    """Connect, and sign in where that can be done without sending; say what was checked and what happened (B11).

    If it works, the account is not stopped any more, and everything that waits for it leaves at once (B9).
    """
    return TestResult.of(await account_handlers.try_account(outbox, caller.partner_id, account_id))
