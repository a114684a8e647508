"""Mails per second out of the outbox, against django-post_office on PostgreSQL: the same mails to the same sink."""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bench import outbox
from bench.outbox import HTML, MAILS, TEXT
from bench.peers.environment import PEERS, NotHere, postgres, python_with
from bench.runner import Row, in_turn
from bench.setting import platform, smtp_sink

NAME = "outbox: over django-post_office"
GOAL = 4.0


async def bench() -> Sequence[Row]:
    """The row: the outbox's rate over the peer's; where the peer cannot be had, its name says so."""
    with smtp_sink() as port:
        async with platform() as at:
            try:
                async with post_office(port) as process:
                    theirs, ours = await in_turn(
                        lambda _: peer_rate(process), lambda number: outbox.service_rate(at, port, number)
                    )
            except NotHere as why:
                return [Row(f"{NAME}: NOT COMPARED, {why}", 0.0, "mails/s")]
    return [Row(NAME, ours, "mails/s", theirs, GOAL)]


@asynccontextmanager
async def post_office(port: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The peer, which sends to the mail server at `port`, with a database of its own. Raises NotHere."""
    with tempfile.TemporaryDirectory() as folder, postgres() as database:
        python = python_with(PEERS / "django_post_office.txt", Path(folder))
        mail = {"SMTP_PORT": str(port), "TEXT": TEXT, "HTML": HTML}
        environment = os.environ | mail | {"POSTGRES_FOLDER": str(database)}
        process = await asyncio.create_subprocess_exec(
            python, PEERS / "django_post_office.py", env=environment, cwd=folder,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def peer_rate(process: asyncio.subprocess.Process) -> float:
    """Mails per second of the peer: queued before, and sent once its database says so of all."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{MAILS}\n".encode())
    took = await process.stdout.readline()
    if not took:
        raise RuntimeError("the peer ended; it said above why")
    return MAILS / float(took)
