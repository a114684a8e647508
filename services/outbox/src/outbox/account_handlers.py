"""The use cases about sender accounts, one function each (B9, B11)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from outbox.domain import Account, AccountUnknown, Answer, OtherKind, Outcome, PasswordNeeded
from outbox.handlers import Outbox

PARTS_AT_ONCE = 5
"""Of what waits for an account, so many are released before whoever made it is answered; the rest right after that."""


async def add_account(outbox: Outbox, account: Account) -> Account:
    """A new sender account (B11); messages that waited for one leave. Raises PortRefused, UrlRefused."""
    account = _sealed(outbox, account)
    await outbox.store.add_account(account)
    await _release(outbox, account)
    return account


async def replace_account(outbox: Outbox, account: Account) -> Account:
    """Change a sender account (B11); without a secret the old one stays, as long as it goes to the same server.

    If it was stopped, it is tried again (B9).

    Raises AccountUnknown, PortRefused, UrlRefused, OtherKind, PasswordNeeded.
    """
    sealed = _sealed(outbox, account)
    while (before := await outbox.store.account(account.partner_id, account.id)) is not None:
        if not account.is_like(before):
            raise OtherKind("Make a new account for another channel or another way.")
        if before.secret and account.secret is None and not account.goes_where(before):
            # Otherwise whoever may change an account, but does not know its password, could have it sent to himself.
            raise PasswordNeeded("Where it goes, or as whom it signs in, has changed: send the secret too.")
        is_another, now = not account.knows_again(before), datetime.now(UTC)
        if is_another:
            await outbox.queue.doubt(account.id)
        changed = await outbox.store.replace_account(sealed, before.version, now)
        if changed is None:  # it was changed meanwhile: what it is compared with is not so any more
            continue
        if is_another:  # what was claimed in between
            await outbox.queue.doubt(account.id)
        await outbox.queue.hasten(changed.partner_id, changed.id, now)
        await _release(outbox, changed)
        return changed
    raise AccountUnknown("There is no such sender account.")


def _sealed(outbox: Outbox, account: Account) -> Account:
    outbox.places.check(account.via)
    secret, reports_secret, seal = account.secret, account.reports_secret, outbox.keyring.seal
    return replace(
        account,
        secret=seal(secret, account.sealed_for) if secret else None,
        reports_secret=seal(reports_secret, account.reports_sealed_for) if reports_secret else None,
    )


async def _release(outbox: Outbox, account: Account) -> bool:
    """True when more may wait for the account: `find_accounts` goes on with that at once."""
    partner_id, channel, is_more = account.partner_id, account.channel, account.is_default
    for _ in range(PARTS_AT_ONCE):
        is_more = is_more and await outbox.queue.release(partner_id, channel, account.id, datetime.now(UTC))
    outbox.delivery.look_at(account.id)
    if is_more:
        outbox.released_in_part.set()
    return is_more


async def remove_account(outbox: Outbox, partner_id: str, account_id: str) -> None:
    """Delete a sender account; its waiting messages wait for another. Raises AccountUnknown."""
    if not await outbox.store.remove_account(partner_id, account_id):
        raise AccountUnknown("There is no such sender account.")
    await outbox.queue.hold(account_id)
    outbox.delivery.look_at(account_id)


async def try_account(outbox: Outbox, partner_id: str, account_id: str) -> Answer:
    """Connect and sign in as the account says, and send nothing (B11). If that works, what waits leaves (B9).

    Raises AccountUnknown.
    """
    account = await outbox.store.account(partner_id, account_id)
    if account is None:
        raise AccountUnknown("There is no such sender account.")
    answer = await outbox.delivery.try_account(account)
    current: Account | None = account
    while answer.outcome is Outcome.SENT and current is not None and current.goes_as(account):
        now = datetime.now(UTC)
        if await outbox.store.release_account(current, now):
            await outbox.queue.hasten(partner_id, account_id, now)
            outbox.delivery.look_at(account_id)
            break
        current = await outbox.store.account(partner_id, account_id)  # stopped meanwhile, or made another
    return answer


async def health(outbox: Outbox, partner_id: str) -> list[tuple[Account, Mapping[str, Any]]]:
    """Whether each account works, from real attempts (B9)."""
    return await outbox.store.accounts_with_health(partner_id)


async def find_accounts(outbox: Outbox) -> bool:
    """Release messages whose account was made at the moment they came in, and what was too much at once; True when
    there may be more."""
    accounts = await outbox.store.default_accounts_of_all_partners(await outbox.queue.partners_without_account())
    waited_for = [account for whose, account in accounts.items() if await outbox.queue.waits_for(*whose)]
    return any([await _release(outbox, account) for account in waited_for])
