"""What the benches stand on: the local stack, a platform of their own, the sink, and progress read off the broker."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from common.events.registry import TOPICS
from tests.support.platform import Platform, free_port

POLL_SECONDS = 0.02


@asynccontextmanager
async def platform(**_: str) -> AsyncGenerator[Platform]:
    """A platform on the real broker and database: those of the environment, or the local stack, started for this."""
    with tempfile.TemporaryDirectory() as folder, _parts(Path(folder) / "stack") as (kafka, mongo):
        made = Platform(kafka, mongo, Path(folder))
        await made.prepare()
        try:
            yield made
        finally:
            await made.close()


@contextmanager
def _parts(folder: Path) -> Generator[tuple[str, str]]:
    if "KAFKA_BOOTSTRAP" in os.environ and "MONGO_URL" in os.environ:
        yield os.environ["KAFKA_BOOTSTRAP"], os.environ["MONGO_URL"]
        return
    from local_stack import Stack

    with Stack.start(folder, only=("kafka", "mongo")) as stack:
        yield stack.kafka_bootstrap, stack.mongo_url


@contextmanager
def smtp_sink() -> Generator[int]:
    """The port of a running `smtp-sink` (Postfix's), which accepts everything as fast as it comes."""
    found = os.environ.get("SMTP_SINK") or shutil.which("smtp-sink")
    if found is None:
        raise SystemExit("smtp-sink is missing: install Debian's package postfix, or set SMTP_SINK to the program")
    port = free_port()
    library = Path(found).resolve().parent.parent / "lib" / "postfix"
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library)}
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    sink = subprocess.Popen([found, *user, f"127.0.0.1:{port}", "1000"], env=environment)
    try:
        while not _listens(port):
            if sink.poll() is not None:
                raise SystemExit(f"{found} does not run here; set SMTP_SINK to one that does")
        yield port
    finally:
        sink.terminate()
        sink.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Progress:
    """How many records a topic has, asked of the broker: costs the measured process nothing.

    The consumer is assigned nothing: behind a fetch that waits for records the answer would come half a second late.
    """

    def __init__(self, at: Platform, topic: str) -> None:
        partitions = next(one.partitions for one in TOPICS if one.name == topic)
        self._parts = [TopicPartition(at.prefix + topic, one) for one in range(partitions)]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=at.kafka_bootstrap, group_id=None)

    async def count(self) -> int:
        return sum((await self._consumer.end_offsets(self._parts)).values())

    async def rate(
        self, total: int, begin: Callable[[], Awaitable[None]], warm: int = 1, seconds: float = 300
    ) -> float:
        """Records per second between the first `warm` and the last of `total` that appear after `begin()`."""
        await self._consumer.start()
        try:
            return await rate_of(self.count, total, begin, warm, seconds)
        finally:
            await self._consumer.stop()


async def rate_of(
    count: Callable[[], Awaitable[int]], total: int, begin: Callable[[], Awaitable[None]], warm: int = 1,
    seconds: float = 300,
) -> float:  # fmt: skip
    """How much of what `count` counts comes about each second, from the first `warm` to the last of `total` that it
    counts after `begin()`."""
    before = await count()
    await begin()
    end = time.monotonic() + seconds
    first: tuple[float, int] | None = None
    while (seen := await count() - before) < total:
        if seen >= warm and first is None:
            first = (time.perf_counter(), seen)
        if time.monotonic() > end:
            raise TimeoutError(f"{seen} of {total} after {seconds} s")
        await asyncio.sleep(POLL_SECONDS)
    last = time.perf_counter()
    if first is None:
        raise TimeoutError("everything came between two looks: measure more")
    return (total - first[1]) / (last - first[0])


async def paced(per_second: float, count: int) -> AsyncGenerator[int]:
    """0, 1, 2 and so on at a steady pace, however long what is done with each of them takes."""
    began = time.perf_counter()
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        yield number


class TimingSink:
    """When each order's mail was accepted, by the number in its subject."""

    def __init__(self) -> None:
        self.port = 0
        self.arrived: dict[int, float] = {}


@contextmanager
def timing_sink() -> Generator[TimingSink]:
    """An SMTP server in a process of its own that notes the time of each final dot."""
    sink = TimingSink()
    process = subprocess.Popen([sys.executable, "-m", "bench.bare.sink"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    sink.port = int(process.stdout.readline())

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            number, at = line.split()
            sink.arrived.setdefault(int(number), float(at))

    threading.Thread(target=read, daemon=True).start()
    try:
        yield sink
    finally:
        process.terminate()
        process.wait()


@contextmanager
def collector() -> Generator[str]:
    """The address of something that takes spans and forgets them."""

    class Forget(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forget)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
