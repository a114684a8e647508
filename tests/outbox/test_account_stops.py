"""An account that keeps being refused is stopped, its owner is told once, and mending it lets everything leave (B9)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from common.events import MessageRequested
from tests.outbox.scripted import HANG_UP, Scripted, listening
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.partners import announce_partner, change_partner
from tests.support.platform import Platform, Service

WRONG = "535 5.7.8 bad credentials"
MOST = 3
FAST = {
    "STOP_AFTER_REFUSALS": str(MOST),
    "REFUSED_REST_SECONDS": "0.01",
    "RETRY_SCHEDULE_SECONDS": "0.1",
    "LEASE_SECONDS": "1",
}


@asynccontextmanager
async def refusing(*answers: str) -> AsyncGenerator[Scripted]:
    """A mail server that gives these answers to whoever signs in, and then lets everybody in; none: refuses always."""
    replies: dict[str, str | list[str]] = {"AUTH": list(answers) if answers else WRONG}
    async with listening(Scripted(replies, ("AUTH PLAIN",))) as server:
        yield server


async def account_at(outbox: Service, server: Scripted, mail: MailServer, **changes: Any) -> tuple[str, str]:
    """(partner, account id): a new partner whose account signs in at `server`."""
    return await sender_account(outbox, mail, port=server.port, username="shop", password="secret", **changes)


async def change(outbox: Service, partner: str, account: str, server: Scripted) -> httpx.Response:
    fields = {"name": "Shop", "from_address": "shop@kettle.example.com", "host": "127.0.0.1", "port": server.port}
    fields |= {"tls": "none", "username": "shop", "password": "right", "is_default": True}
    return await outbox.http.put(f"/accounts/{account}", json=fields, headers=outbox.tokens.headers(partner))


async def try_account(outbox: Service, partner: str, account: str) -> dict[str, Any]:
    answer = await outbox.http.post(f"/accounts/{account}/test", headers=outbox.tokens.headers(partner))
    return answer.json()


async def health(outbox: Service, partner: str) -> dict[str, Any]:
    [one] = (await outbox.http.get("/accounts/health", headers=outbox.tokens.headers(partner))).json()
    return one


async def stopped(outbox: Service, partner: str) -> str:
    """Since when the account of a partner is stopped, once it is."""

    async def since() -> str | None:
        return (await health(outbox, partner))["stopped_since"]

    return await eventually(since, what="the account being stopped") or ""


async def has_worked_on(outbox: Service, mail: MailServer) -> None:
    """Somebody else's mail comes in after everything so far, and leaves."""
    other, _ = await sender_account(outbox, mail)
    await request(outbox, message(other, "other@x.example"))
    await settled(outbox, other, "SENT")


def wanted(partner: str, count: int) -> list[MessageRequested]:
    return [message(partner, f"ann{i}@x.example") for i in range(count)]


async def test_an_account_that_is_refused_too_often_is_not_tried_any_more(platform: Platform, mail: MailServer) -> None:
    """B9: its messages wait and say why, new ones too; nobody else's are held up."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    async with refusing() as server:
        partner, _ = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 120))
        await stopped(outbox, partner)
        await request(outbox, message(partner, "new@x.example"))
        await eventually(lambda: box(outbox, partner, recipient="new@x.example"))
        await has_worked_on(outbox, mail)
        rows = await settled(outbox, partner, *["WAITING"] * 50)
        assert {(row["waiting_reason"], row["next_attempt_at"]) for row in rows} == {("account_stopped", None)}
        [new] = await box(outbox, partner, recipient="new@x.example")
        assert (new["error"], new["attempts"], new["actions"]) == ("account_stopped", 0, ["delete"])
        assert server.count("AUTH") == MOST

        async def is_seen() -> bool:
            seen = await health(outbox, partner)
            return (seen["works"], seen["error"]) == (False, WRONG)

        await eventually(is_seen)

        async def is_counted() -> bool:
            return "switchboard_stopped_accounts 1.0" in (await outbox.http.get("/metrics")).text

        await eventually(is_counted, timeout=15)


async def test_the_owner_is_told_once_whichever_replica_sees_it_and_a_restart_forgets_nothing(
    platform: Platform, mail: MailServer
) -> None:
    """B9, F6: through the platform's own account, in his language, with the provider's words."""
    apart = await platform.apart("told-once")
    outbox = await apart.service("outbox", **FAST)
    two = [outbox, await apart.replica(outbox)]
    await sender_account(outbox, mail, partner="platform", from_address="care@switchboard.example.com")
    partner = await announce_partner(outbox.io, language="pl")
    owner = f"owner@{partner.replace('_', '-')}.example"
    async with refusing() as server:
        await account_at(outbox, server, mail, partner=partner)
        await request(outbox, *wanted(partner, 60))
        since = await stopped(outbox, partner)
        [told] = await eventually(lambda: mail.to(owner))
        assert (told.sender, told.message["Subject"]) == (
            "care@switchboard.example.com",
            "Konto pocztowe „Shop” zostało zatrzymane",
        )
        assert WRONG in told.message.get_body(("plain",)).get_content()  # pyright: ignore[reportOptionalMemberAccess]
        tried = server.count("AUTH")
        assert MOST <= tried <= MOST + 1, "the other one may have been asking in the same moment"
        for one in two:
            one.kill()
        for one in two:
            await one.start()
        await request(outbox, *wanted(partner, 5))
        await has_worked_on(outbox, mail)
        assert await stopped(outbox, partner) == since
        assert server.count("AUTH") == tried
        stop = {"partner_id": partner, "stop.is_told": True}
        accounts = outbox.database["accounts"]  # as if the process had died before it wrote that there is a message
        assert (await accounts.update_one(stop, {"$set": {"stop.is_told": False}})).modified_count == 1
        await eventually(lambda: accounts.count_documents(stop))
        assert len(await settled(outbox, "platform", "SENT")) == 1
        assert len(mail.to(owner)) == 1


async def test_an_owner_who_is_not_known_yet_is_told_when_he_is(platform: Platform, mail: MailServer) -> None:
    """B9: and each stop is told of."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    async with refusing(*[WRONG] * MOST) as server:
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 1))
        await stopped(outbox, partner)
        owner = f"{unique('owner')}@x.example"
        await change_partner(outbox.io, partner, owner=owner, language="hu")
        await sender_account(outbox, mail, partner="platform", is_default=True)
        await eventually(lambda: len(mail.to(owner)) == 1)
        assert (await try_account(outbox, partner, account))["works"]
        await settled(outbox, partner, "SENT")
        server.replies["AUTH"] = WRONG
        assert (await change(outbox, partner, account, server)).status_code == 200
        await request(outbox, *wanted(partner, 1))
        await stopped(outbox, partner)
        await eventually(lambda: len(mail.to(owner)) == 2)


async def test_one_test_that_works_lets_everything_leave_at_once(platform: Platform, mail: MailServer) -> None:
    """B9, B11: also what would be tried an hour later, and on every replica; a test that fails lets nothing leave."""
    apart = await platform.apart("released-by-test")
    outbox = await apart.service("outbox", **FAST | {"RETRY_SCHEDULE_SECONDS": "3600"})
    replica = await apart.replica(outbox)
    async with refusing() as server:
        partner, account = await account_at(outbox, server, mail)
        for tried in range(1, MOST + 1):  # a new message each time: what was refused waits for an hour
            await request(outbox, *wanted(partner, 1))
            await eventually(lambda tried=tried: server.count("AUTH") >= tried)
        await stopped(outbox, partner)
        assert not (await try_account(outbox, partner, account))["works"]
        assert await stopped(outbox, partner)
        server.replies.clear()
        assert (await try_account(replica, partner, account))["works"]
        seen = await health(outbox, partner)
        assert (seen["works"], seen["stopped_since"], seen["failing_since"]) == (True, None, None)
        await settled(outbox, partner, *["SENT"] * MOST)
        await request(outbox, *wanted(partner, 20))
        await settled(outbox, partner, *["SENT"] * (MOST + 20))


async def test_a_changed_account_is_tried_again(platform: Platform, mail: MailServer) -> None:
    """B9."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    async with refusing(*[WRONG] * MOST) as server:
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 60))
        await stopped(outbox, partner)
        assert (await change(outbox, partner, account, server)).status_code == 200
        await settled(outbox, partner, *["SENT"] * 50)
        assert (await health(outbox, partner))["stopped_since"] is None
        assert server.count("AUTH") > MOST


async def test_a_resend_through_a_stopped_account_is_refused_and_says_why(platform: Platform, mail: MailServer) -> None:
    """B4, B9: a hundred presses must not lock the account; alone and in bulk."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    async with refusing() as server:
        partner, _ = await account_at(outbox, server, mail)
        [one] = wanted(partner, 1)
        await request(outbox, one)
        await stopped(outbox, partner)
        headers = outbox.tokens.headers(partner)
        answer = await outbox.http.post(f"/messages/{one.message_id}/resend", headers=headers)
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (409, "account-stopped")
        bulk = await outbox.http.post("/messages/resend", params={"status": "WAITING"}, headers=headers)
        assert [(item["done"], item["reason"]) for item in bulk.json()["items"]] == [(False, "account-stopped")]
        await has_worked_on(outbox, mail)
        assert server.count("AUTH") == MOST


async def test_the_age_of_what_waited_for_a_stopped_account_counts_from_its_release(
    platform: Platform, mail: MailServer
) -> None:
    """B9, B10: the weekend until somebody mends it does not take from the time in which it is tried again."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    async with refusing() as server:
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 1))
        await stopped(outbox, partner)
        [row] = await settled(outbox, partner, "WAITING")
        messages = outbox.database["messages"]
        found = await messages.find_one({"_id": row["id"]})
        assert found is not None
        long_ago = found["due_since"] - timedelta(days=30)
        await messages.update_one({"_id": row["id"]}, {"$set": {"due_since": long_ago}})
        server.replies = {"MAIL": ["450 4.2.0 greylisted"]}
        assert (await try_account(outbox, partner, account))["works"]
        [row] = await settled(outbox, partner, "SENT")
        assert row["attempts"] > 1


@pytest.mark.parametrize("is_written", [True, False])
async def test_refusals_with_a_success_between_them_do_not_add_up(
    platform: Platform, mail: MailServer, is_written: bool
) -> None:
    """B9: in a row means in a row, whether the success was written down already or not."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    almost = [WRONG] * (MOST - 1)
    async with refusing(*almost, "235 2.7.0 welcome", *almost) as server:
        server.replies["."] = f"250 2.0.0 OK{HANG_UP}"
        partner, _ = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 1))
        await settled(outbox, partner, "SENT")

        async def works() -> bool:
            return (await health(outbox, partner))["works"] is True

        if is_written:
            await eventually(works)
        await request(outbox, *wanted(partner, 1))
        await settled(outbox, partner, "SENT", "SENT")
        assert server.count("AUTH") == 2 * MOST
        assert (await health(outbox, partner))["stopped_since"] is None


async def test_an_old_refusal_does_not_stop_an_account_that_was_mended_meanwhile(
    platform: Platform, mail: MailServer
) -> None:
    """B9: nor does it make it rest, or count as an attempt of the message."""
    outbox = await platform.service("outbox", instance="slow-to-rest", STOP_AFTER_REFUSALS="1")
    async with refusing(WRONG) as server:
        server.held["AUTH"] = asyncio.Event()
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 1))
        await eventually(lambda: server.count("AUTH") == 1)
        assert (await change(outbox, partner, account, server)).status_code == 200
        await has_worked_on(outbox, mail)
        server.held["AUTH"].set()
        [row] = await settled(outbox, partner, "SENT")
        assert row["attempts"] == 1
        assert (await health(outbox, partner))["stopped_since"] is None


async def test_a_refusal_of_what_the_account_was_does_not_stop_what_it_is(platform: Platform, mail: MailServer) -> None:
    """B9: though the process that was refused does not know yet that another one changed it."""
    outbox = await platform.service("outbox", instance="first-refusal", **FAST | {"STOP_AFTER_REFUSALS": "1"})
    async with refusing(WRONG) as server:
        server.held["AUTH"] = asyncio.Event()
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 1))
        await eventually(lambda: server.count("AUTH") == 1)
        await outbox.database["accounts"].update_one({"_id": account}, {"$inc": {"version": 1}})
        server.held["AUTH"].set()
        [row] = await settled(outbox, partner, "SENT")
        assert row["attempts"] == 2
        assert (await health(outbox, partner))["stopped_since"] is None


async def test_what_was_seen_before_an_account_was_mended_is_not_shown_of_it(
    platform: Platform, mail: MailServer
) -> None:
    """B9: it is written down some time later."""
    outbox = await platform.service("outbox", instance="slow-to-write", **FAST | {"LEASE_SECONDS": "12"})
    async with refusing() as server:
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 1))
        await stopped(outbox, partner)
        server.replies.clear()
        server.held["MAIL"] = asyncio.Event()  # what leaves now is answered after the end
        assert (await try_account(outbox, partner, account))["works"]
        seen = await health(outbox, partner)
        assert (seen["works"], seen["stopped_since"], seen["failing_since"]) == (True, None, None)
        await eventually(lambda: server.count("MAIL"))
        other = await account_at(outbox, server, mail)
        server.replies = {"AUTH": WRONG}
        await request(outbox, *wanted(other[0], 1))

        async def is_written() -> bool:
            return (await health(outbox, other[0]))["works"] is False

        await eventually(is_written)
        assert (await health(outbox, partner))["works"] is True


async def test_what_a_lane_has_in_hand_is_put_back_without_an_attempt(platform: Platform, mail: MailServer) -> None:
    """B9: another process saw the last refusal."""
    outbox = await platform.service("outbox", instance="stops", **FAST)
    async with refusing() as server:
        server.held["AUTH"] = asyncio.Event()
        partner, account = await account_at(outbox, server, mail)
        await request(outbox, *wanted(partner, 30))
        await eventually(lambda: server.count("AUTH") == 1)
        stop = {"since": datetime.now(UTC), "words": WRONG, "is_told": True}
        by_another = {"$set": {"stop": stop}, "$inc": {"version": 1}}
        await outbox.database["accounts"].update_one({"_id": account}, by_another)
        await request(outbox, *wanted(partner, 1))

        async def all_but_one_wait() -> bool:
            return await outbox.database["messages"].count_documents({"partner_id": partner, "status": "WAITING"}) == 30

        await eventually(all_but_one_wait)
        server.held["AUTH"].set()
        rows = await settled(outbox, partner, *["WAITING"] * 31)
        assert {(row["attempts"], row["waiting_reason"]) for row in rows} == {(0, "account_stopped")}


async def test_what_is_not_the_providers_word_stops_nothing(platform: Platform, mail: MailServer) -> None:
    """B9: when our own resolver is down, no account of anybody is to blame."""
    outbox = await platform.service(
        "outbox", instance="own-trouble", **FAST | {"STOP_AFTER_REFUSALS": "1", "SMTP_ALLOWED_INNER_HOSTS": "10.0.0.1"}
    )
    partner, _ = await sender_account(outbox, mail)
    await request(outbox, *wanted(partner, 1))

    async def was_tried_often() -> bool:
        [row] = await settled(outbox, partner, "WAITING")
        return row["attempts"] > 2

    async def is_seen() -> bool:
        seen = await health(outbox, partner)
        return (seen["works"], seen["stopped_since"]) == (False, None)

    await eventually(was_tried_often)
    await eventually(is_seen)
