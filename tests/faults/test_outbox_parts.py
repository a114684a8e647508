"""The outbox while its broker and its database are killed again and again, or the disk is full (F6)."""

import asyncio
import re
import resource
import signal
import time

import pytest

from local_stack import Stack
from tests.faults.ledger import Ledger, is_clean
from tests.outbox.scripted import Scripted, listening
from tests.support.eventually import eventually
from tests.support.mail import MailServer
from tests.support.messages import message, request, sender_account
from tests.support.platform import Platform, Service

BACK_WITHIN_SECONDS = 5.0


async def is_ready(outbox: Service, wanted: bool) -> None:
    """Wait until the outbox is ready, or is not."""

    async def says_so() -> bool:
        return (await outbox.http.get("/readyz")).is_success is wanted

    await eventually(says_so, timeout=30, what="ready" if wanted else "not ready")


@pytest.mark.parametrize(("part", "times"), [("mongo", 5), ("kafka", 3)])
async def test_a_part_is_killed_again_and_again_while_mails_are_sent(
    own: Platform, stack: Stack, sink: MailServer, part: str, times: int
) -> None:
    """F6, B10: back by itself within five seconds each time, and every message was sent and told of."""
    outbox = await own.service("outbox", LEASE_SECONDS="2", RETRY_SCHEDULE_SECONDS="0.2")
    ledger = await Ledger.written(outbox, sink, 5_000)
    await ledger.publish()
    slowest = 0.0
    for kill in range(times):
        await ledger.arrived((kill + 1) / (times + 2))
        await asyncio.to_thread(stack.kill, part)
        await is_ready(outbox, False)
        await asyncio.to_thread(stack.restart, part)
        back_at = time.monotonic()
        await is_ready(outbox, True)
        slowest = max(slowest, time.monotonic() - back_at)
    await ledger.all_sent()
    row = await ledger.close(f"SIGKILL of {part}, {times} times", ready_again_seconds=round(slowest, 2))
    assert is_clean(row), row
    assert slowest < BACK_WITHIN_SECONDS


async def test_a_database_frozen_beyond_the_lease_leaves_nothing_in_hand(
    own: Platform, stack: Stack, sink: MailServer
) -> None:
    """F6: what could not be renewed in time is dropped, sent under a new claim, and holds up no end."""
    outbox = await own.service("outbox", LEASE_SECONDS="1", RETRY_SCHEDULE_SECONDS="0.2")
    ledger = await Ledger.written(outbox, sink, 5_000)
    publishing = asyncio.create_task(ledger.publish())
    database = stack.parts["mongo"].running
    assert database is not None
    for time_ in range(3):
        await ledger.arrived((time_ + 1) / 5)
        database.send_signal(signal.SIGSTOP)
        await is_ready(outbox, False)
        database.send_signal(signal.SIGCONT)
        await is_ready(outbox, True)
    await publishing
    await ledger.all_sent()
    row = await ledger.close("SIGSTOP of mongo beyond the lease, three times")
    assert is_clean(row), row
    await outbox.stop()
    assert "stop_cut_short" not in outbox.log_text()


async def test_what_was_sent_is_written_though_the_database_is_away_while_the_process_ends(
    own: Platform, stack: Stack
) -> None:
    """F6: a result that is known is tried to be written as long as the process may live, or it would be sent again."""
    outbox, held = await own.service("outbox", STOP_SECONDS="20"), asyncio.Event()
    async with listening(Scripted(held={"DATA": held})) as server:
        partner, _ = await sender_account(outbox, server)
        await request(outbox, message(partner, "ann@x.example"))
        await eventually(lambda: server.count("DATA") == 1)
        ending = asyncio.create_task(outbox.stop(timeout=30))
        await asyncio.to_thread(stack.kill, "mongo")
        held.set()
        await eventually(lambda: re.search('"delivery results".*job_failed', outbox.log_text()))
        await asyncio.to_thread(stack.restart, "mongo")
        await ending
        assert "stop_cut_short" not in outbox.log_text()
        found = await outbox.database["messages"].find_one({"partner_id": partner})
        assert found is not None
        assert (found["status"], found["possible_duplicate"], len(server.contents)) == ("SENT", False, 1)


async def test_a_database_whose_disk_is_full_takes_nothing_and_loses_nothing(
    own: Platform, stack: Stack, sink: MailServer
) -> None:
    """F6: the outbox is not ready meanwhile; with room again, and the database started anew, everything is sent.

    The database may not let a file grow any more: what it sees is a failed write, as on a full disk.
    """
    outbox = await own.service("outbox", LEASE_SECONDS="2", RETRY_SCHEDULE_SECONDS="0.2")
    ledger = await Ledger.written(outbox, sink, 5_000)
    publishing = asyncio.create_task(ledger.publish())
    await ledger.arrived(0.2)
    database = stack.parts["mongo"].running
    assert database is not None
    resource.prlimit(database.pid, resource.RLIMIT_FSIZE, (4_096, 4_096))
    await is_ready(outbox, False)
    await asyncio.to_thread(stack.restart, "mongo")
    back_at = time.monotonic()
    await is_ready(outbox, True)
    seconds = time.monotonic() - back_at
    await publishing
    await ledger.all_sent()
    row = await ledger.close("a database whose disk is full", ready_again_seconds=round(seconds, 2))
    assert is_clean(row), row
    assert seconds < BACK_WITHIN_SECONDS
