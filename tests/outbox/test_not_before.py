"""A message that may not leave before its time (B2, B4, B10): quiet hours and summaries ask for it."""

from datetime import UTC, datetime, timedelta

from common.events import MessageRequested
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import box, message, request, sender_account, settled
from tests.support.platform import Platform, Service


def to_leave_in(partner: str, seconds: float, to: str = "late@x.example") -> MessageRequested:
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return message(partner, to, not_before=at.replace(microsecond=0))


async def began(outbox: Service, partner: str, message_id: str) -> datetime:
    """When the only attempt of a message began."""
    answer = await outbox.http.get(f"/messages/{message_id}", headers=outbox.tokens.headers(partner))
    [attempt] = answer.json()["history"]
    return datetime.fromisoformat(attempt["at"])


async def test_a_message_leaves_at_its_time_and_holds_nobody_up(platform: Platform, mail: MailServer) -> None:
    """B2: until then it waits, and the box says for when; what came in behind it leaves at once."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    later, soon, now = to_leave_in(partner, 3600), to_leave_in(partner, 2), to_leave_in(partner, -3600)
    await request(outbox, later, soon, now)
    rows = {row["id"]: row for row in await settled(outbox, partner, "WAITING", "SENT", "SENT")}
    assert soon.not_before is not None
    assert await began(outbox, partner, soon.message_id) >= soon.not_before
    assert rows[soon.message_id]["next_attempt_at"] is None
    waiting = rows[later.message_id]
    assert datetime.fromisoformat(waiting["next_attempt_at"]) == later.not_before
    assert (waiting["executed_at"], waiting["attempts"], waiting["actions"]) == (None, 0, ["delete", "resend"])
    await request(outbox, later, message(partner, "behind@x.example"))
    await settled(outbox, partner, "WAITING", "SENT", "SENT", "SENT")


async def test_a_forced_resend_does_not_wait_for_the_time(platform: Platform, mail: MailServer) -> None:
    """B4."""
    outbox = await platform.service("outbox")
    partner, _ = await sender_account(outbox, mail)
    wanted = to_leave_in(partner, 3600)
    await request(outbox, wanted)
    await settled(outbox, partner, "WAITING")
    url = f"/messages/{wanted.message_id}/resend"
    answer = await outbox.http.post(url, headers=outbox.tokens.headers(partner))
    assert answer.status_code == 200, answer.text
    await settled(outbox, partner, "SENT")


async def test_the_time_is_kept_while_a_message_waits_for_an_account(platform: Platform, mail: MailServer) -> None:
    """B2, B11: an account that comes earlier does not send it earlier."""
    outbox = await platform.service("outbox")
    partner = unique("prt")
    later, soon, now = to_leave_in(partner, 3600), to_leave_in(partner, 3), message(partner, "now@x.example")
    await request(outbox, later, soon, now)
    rows = await settled(outbox, partner, "WAITING", "WAITING", "WAITING")
    assert {row["next_attempt_at"] for row in rows} == {None}, "nothing is tried without an account"
    await sender_account(outbox, mail, partner=partner)
    rows = {row["id"]: row for row in await settled(outbox, partner, "WAITING", "SENT", "SENT")}
    assert soon.not_before is not None
    assert await began(outbox, partner, soon.message_id) >= soon.not_before
    assert datetime.fromisoformat(rows[later.message_id]["next_attempt_at"]) == later.not_before


async def test_the_age_of_a_message_counts_from_when_it_could_leave(platform: Platform, mail: MailServer) -> None:
    """B10: the night that it waited does not take from the time in which it is tried again."""
    age = {"RETRY_SCHEDULE_SECONDS": "0.1", "MAX_AGE_HOURS": str(4 / 3600)}
    outbox = await platform.service("outbox", instance="young", **age)
    partner, _ = await sender_account(outbox, mail)
    to = f"{unique('grey')}@x.example"
    mail.answer(to, ["450 4.2.0 greylisted"])
    await request(outbox, to_leave_in(partner, 6, to))
    [row] = await settled(outbox, partner, "SENT")
    assert row["attempts"] == 2


async def test_a_message_leaves_at_its_time_though_who_took_it_in_is_dead(platform: Platform, mail: MailServer) -> None:
    """F6: its time is in the database, not in a process."""
    outbox = await platform.service("outbox", instance="killed-while-waiting")
    partner, _ = await sender_account(outbox, mail)
    wanted = to_leave_in(partner, 3)
    await request(outbox, wanted)
    await eventually(lambda: box(outbox, partner))
    outbox.kill()
    await outbox.start()
    await settled(outbox, partner, "SENT")
    assert wanted.not_before is not None
    assert await began(outbox, partner, wanted.message_id) >= wanted.not_before
