"""The outbox while its processes and its network fail (F6, B10)."""

import asyncio
import signal

import pytest

from tests.faults.ledger import Ledger, is_clean
from tests.outbox.scripted import DRIP, HANG_UP, SILENCE, Scripted, listening
from tests.support.eventually import eventually, unique
from tests.support.mail import MailServer
from tests.support.messages import message, request, sender_account, settled
from tests.support.platform import Platform
from tests.support.proxy import Spoilt, spoiling
from tests.support.results import keep

TIMES = 20
IMPATIENT = {"SMTP_TIMEOUT_SECONDS": "1", "SMTP_CONTENT_TIMEOUT_SECONDS": "1"}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_two_replicas_are_ended_twenty_times_during_20000_mails(
    platform: Platform, sink: MailServer, how: signal.Signals
) -> None:
    """F6: whoever ends, the other goes on; only a kill may double a mail, and then it says so."""
    apart = await platform.apart(unique("ended"))
    one = await apart.service("outbox", LEASE_SECONDS="2", RETRY_SCHEDULE_SECONDS="0.2")
    two = [one, await apart.replica(one)]
    ledger = await Ledger.written(one, sink, 20_000)
    publishing = asyncio.create_task(ledger.publish())
    for time in range(TIMES):
        await ledger.arrived((time + 1) / (TIMES + 2))
        victim = two[time % 2]
        if how is signal.SIGKILL:
            victim.kill()
        else:
            await victim.stop()
        await victim.start()
    await publishing
    await ledger.all_sent()
    row = await ledger.close(f"{how.name} of two replicas of the outbox, ten times each")
    assert is_clean(row), row
    assert how is signal.SIGKILL or row["mails_doubled"] == 0, row


async def test_a_replica_frozen_beyond_its_lease_overwrites_nothing(platform: Platform, sink: MailServer) -> None:
    """F6: what it had in hand is sent by the other; when it goes on, it finds that its claims are lost."""
    apart = await platform.apart(unique("frozen"))
    one = await apart.service("outbox", LEASE_SECONDS="1", RETRY_SCHEDULE_SECONDS="0.2")
    await apart.replica(one)
    ledger = await Ledger.written(one, sink, 3_000)
    publishing = asyncio.create_task(ledger.publish())
    await ledger.arrived(0.3)
    assert one.process is not None
    one.process.send_signal(signal.SIGSTOP)
    await publishing
    await ledger.all_sent()
    messages = one.database["messages"]
    before = {found["_id"]: found["attempts"] async for found in messages.find({}, {"attempts": 1})}
    one.process.send_signal(signal.SIGCONT)
    await eventually(lambda: "claims_lost" in one.log_text(), timeout=20)
    row = await ledger.close("SIGSTOP of one of two replicas of the outbox beyond its lease")
    assert is_clean(row), row
    assert before == {found["_id"]: found["attempts"] async for found in messages.find({}, {"attempts": 1})}


@pytest.mark.parametrize("spoilt", list(Spoilt))
async def test_a_bad_network_loses_nothing(platform: Platform, sink: MailServer, spoilt: Spoilt) -> None:
    """B10, F6: every second connection to the mail server is spoilt after some of its bytes."""
    outbox = await platform.service(
        "outbox", instance=unique("network"), LEASE_SECONDS="2", RETRY_SCHEDULE_SECONDS="0.2", **IMPATIENT
    )
    async with spoiling(sink.port, spoilt) as proxy:
        ledger = await Ledger.written(outbox, sink, 600, port=proxy.port)
        await ledger.publish()
        await ledger.arrived(0.9)
        proxy.heals = True
        seconds = await ledger.all_sent()
        row = await ledger.close(
            f"a network in which connections are {spoilt}", all_sent_after_healing=round(seconds, 2)
        )
    assert is_clean(row), row


ANSWERS = [
    ("RCPT", "421 4.3.2 shutting down" + HANG_UP, "SENT", False),
    ("RCPT", "450 4.2.0 greylisted", "SENT", False),
    ("RCPT", "451 4.3.0 busy", "SENT", False),
    ("RCPT", "452 4.2.2 too much mail", "SENT", False),
    ("RCPT", "550 5.1.1 no such mailbox", "ERROR", False),
    ("RCPT", "552 5.2.2 mailbox full", "SENT", False),
    (".", "552 5.3.4 too big", "ERROR", False),
    (".", "554 5.7.1 looks like spam", "ERROR", False),
    (".", SILENCE, "SENT", True),
    (".", HANG_UP, "SENT", True),
    (".", DRIP + "250 2.0.0 OK", "SENT", True),
    ("RCPT", "hello there", "SENT", False),
    ("MAIL", "\x00\xff garbage", "SENT", False),
]


@pytest.mark.parametrize(("verb", "reply", "status", "doubled"), ANSWERS)
async def test_what_a_server_says_once_is_understood(
    platform: Platform, verb: str, reply: str, status: str, doubled: bool
) -> None:
    """B10: tried again or ended, and a possible duplicate only where the truth cannot be known."""
    outbox = await platform.service("outbox", instance="said", RETRY_SCHEDULE_SECONDS="0.1", **IMPATIENT)
    async with listening(Scripted({verb: [reply]})) as server:
        partner, _ = await sender_account(outbox, server)
        wanted = message(partner, f"{unique('to').replace('_', '-')}@x.example")
        await request(outbox, wanted)
        [row] = await settled(outbox, partner, status)
        keep(
            {
                "fault": f"a mail server that says once to {verb}: {reply!r}",
                "mails": 1,
                "lost": int(status == "SENT" and not server.contents),
                "mails_doubled": max(0, len(server.contents) - 1),
            }
        )
    assert len(server.contents) == (0 if status == "ERROR" else 1 + doubled)
    assert row["possible_duplicate"] is doubled
