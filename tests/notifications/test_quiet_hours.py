"""An SMS does not wake anybody: it waits for the end of the partner's quiet hours (A6)."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.auth import Permission
from common.events import MessageRequested, OrderCreated
from notifications.domain import Recipient, address_messages
from notifications.quiet_hours import QuietHours
from tests.notifications.steps import became_of, listed, tells
from tests.support.eventually import unique
from tests.support.partners import announce_partner, announce_person
from tests.support.platform import Platform

WARSAW = "Europe/Warsaw"
MINUTE = timedelta(minutes=1)

clocks = st.times().map(lambda one: one.replace(second=0, microsecond=0)) | st.sampled_from(
    [time(1, 59), time(2), time(2, 30), time(3), time(3, 1), time(0), time(23, 59)]
)
zones = st.sampled_from([WARSAW, WARSAW, "UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"])
nights = st.sampled_from([datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
"""Days on which an hour is skipped, and comes twice, after two o'clock."""
seconds = st.integers(-90_000, 90_000) | st.integers(0, 366 * 86_400)
moments = st.tuples(nights, seconds).map(lambda one: one[0] + timedelta(seconds=one[1]))


def is_quiet(hours: QuietHours, moment: datetime) -> bool:
    """What a clock on the wall says."""
    clock = moment.astimezone(ZoneInfo(hours.time_zone)).time()
    if hours.start < hours.until:
        return hours.start <= clock < hours.until
    return hours.start != hours.until and not hours.until <= clock < hours.start


def warsaw(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(WARSAW), fold=fold)


@given(clocks, clocks, zones, moments)
@example(time(2, 30), time(6), WARSAW, warsaw("2026-03-29T03:15"))
@example(time(22), time(2, 30), WARSAW, warsaw("2026-03-29T01:59:59"))
@example(time(3, 10), time(2, 30), WARSAW, warsaw("2026-03-29T01:00"))
@example(time(22), time(2, 30), WARSAW, warsaw("2026-10-25T02:10", fold=1))
def test_the_end_is_the_first_moment_that_is_not_quiet(start: time, until: time, zone: str, now: datetime) -> None:
    """A6: never in the quiet time, never later than needed; also in the nights when the clock is changed."""
    hours = QuietHours(start, until, zone)
    end = hours.ends(now)
    assert (end is not None) == is_quiet(hours, now)
    if end is None:
        return
    assert not is_quiet(hours, end)
    between = [now, *(end - MINUTE * n for n in range(1, int((end - now) / MINUTE) + 1))]
    assert all(is_quiet(hours, one) for one in between)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (warsaw("2026-11-25T21:59:59.999"), None),
        (warsaw("2026-11-25T22:00"), warsaw("2026-11-26T07:00")),
        (warsaw("2026-11-26T00:00"), warsaw("2026-11-26T07:00")),
        (warsaw("2026-11-26T06:59:59.999"), warsaw("2026-11-26T07:00")),
        (warsaw("2026-11-26T07:00"), None),
        (datetime(2026, 3, 28, 21, tzinfo=UTC), datetime(2026, 3, 29, 5, tzinfo=UTC)),
        (datetime(2026, 10, 24, 20, tzinfo=UTC), datetime(2026, 10, 25, 6, tzinfo=UTC)),
    ],
)
def test_over_midnight_and_over_a_change_of_the_clock(now: datetime, end: datetime | None) -> None:
    """A6: from 22:00 until 07:00, an hour shorter in spring and longer in autumn."""
    assert QuietHours(time(22), time(7), WARSAW).ends(now) == end


@pytest.mark.parametrize(
    ("start", "until", "now", "end"),
    [
        ("22:00", "02:30", warsaw("2026-03-29T01:00"), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        ("02:30", "06:00", warsaw("2026-03-29T03:10"), warsaw("2026-03-29T06:00")),
        ("22:00", "02:30", warsaw("2026-10-25T02:10", fold=1), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("22:00", "02:30", warsaw("2026-10-25T02:10", fold=0), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_is_skipped_or_comes_twice(start: str, until: str, now: datetime, end: datetime) -> None:
    """A6: 02:30 is not there in spring, so quiet is over when the clock jumps past it; in autumn it is there twice."""
    assert QuietHours(time.fromisoformat(start), time.fromisoformat(until), WARSAW).ends(now) == end


def test_hours_that_begin_when_they_end_are_none() -> None:
    """A6."""
    assert QuietHours(time(8), time(8), WARSAW).ends(warsaw("2026-11-26T08:00")) is None


def test_an_email_is_never_held_back() -> None:
    """A6."""
    until = datetime(2026, 11, 26, 6, tzinfo=UTC)
    both = [Recipient("a@x.example", "", None, ()), Recipient("+48123456789", "", None, (), "sms")]
    assert [one.not_before for one in address_messages("cause", both, until)] == [None, until]


async def test_in_quiet_hours_the_sms_waits_and_the_mail_leaves(platform: Platform) -> None:
    """A6, A9: `not_before` is their end, in the event and in what became of it; after a change of them, at once."""
    service, io = await platform.service("notifications"), platform.io
    partner, headers = await announce_partner(io), None
    headers = platform.tokens.headers(partner)
    mia = await announce_person(io, partner, "manager", phone="+48123456789")
    await listed(service, partner, "order.created", {"role": "manager", "channels": ["email", "sms"]})
    await tells(service, partner, ("email", mia.email), ("sms", "+48123456789"))
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    end = now + timedelta(hours=2)
    hours = {"start": f"{now - timedelta(hours=1):%H:%M}", "until": f"{end:%H:%M}", "time_zone": "UTC"}
    assert (await service.http.put("/quiet-hours", json=hours, headers=headers)).status_code == 200
    event_id = unique("e")
    await io.publish(OrderCreated(partner_id=partner, order_number="1"), event_id=event_id)
    events = io.follow(MessageRequested)
    told = await events.wait_for(lambda e: e.data.partner_id == partner, count=2)
    assert {e.data.channel: e.data.not_before for e in told} == {"email": None, "sms": end}
    shown = {one["channel"]: one["not_before"] for one in (await became_of(service, partner, event_id))["recipients"]}
    assert shown == {"email": None, "sms": end.isoformat().replace("+00:00", "Z")}
    assert (await service.http.delete("/quiet-hours", headers=headers)).status_code == 204
    await io.publish(OrderCreated(partner_id=partner, order_number="2"), event_id=unique("e"))
    later = await events.wait_for(lambda e: e.data.partner_id == partner and e.data.order_number == "2", count=2)
    assert {e.data.not_before for e in later} == {None}


async def test_quiet_hours_are_the_partners_own(platform: Platform) -> None:
    """A5, A6: set and read with the two permissions; nobody sees those of another partner."""
    service, mine, theirs = await platform.service("notifications"), unique("prt"), unique("prt")
    headers = platform.tokens.headers(mine)
    body = {"start": "22:00:00", "until": "07:00:00", "time_zone": WARSAW}
    assert (await service.http.get("/quiet-hours", headers=headers)).status_code == 404
    assert (await service.http.put("/quiet-hours", json=body, headers=headers)).json() == body
    assert (await service.http.get("/quiet-hours", headers=headers)).json() == body
    assert (await service.http.get("/quiet-hours", headers=platform.tokens.headers(theirs))).status_code == 404
    reader = platform.tokens.headers(mine, Permission.NOTIFICATIONS_READ)
    for answer in (
        await service.http.put("/quiet-hours", json=body, headers=reader),
        await service.http.delete("/quiet-hours", headers=reader),
    ):
        assert (answer.status_code, answer.json()["permission"]) == (403, "notifications:write")
    assert (await service.http.delete("/quiet-hours", headers=platform.tokens.headers(theirs))).status_code == 204
    assert (await service.http.get("/quiet-hours", headers=headers)).json() == body


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"until": "22:00"}, "body"),
        ({"start": "22:00:30"}, "body"),
        ({"start": "22:00Z"}, "body"),
        ({"start": "25:00"}, "body/start"),
        ({"time_zone": "Europe/Warszawa"}, "body/time_zone"),
        ({"time_zone": "../../etc/passwd"}, "body/time_zone"),
        ({"time_zone": "Europe"}, "body/time_zone"),
        ({"time_zone": ""}, "body/time_zone"),
        ({"days": ["sunday"]}, "body/days"),
    ],
)
async def test_bad_quiet_hours_are_refused_with_their_place(
    platform: Platform, change: dict[str, object], place: str
) -> None:
    """A6."""
    service, headers = await platform.service("notifications"), platform.tokens.headers(unique("prt"))
    body = {"start": "22:00", "until": "07:00", "time_zone": WARSAW} | change
    answer = await service.http.put("/quiet-hours", json=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["place"]) == (422, place)
