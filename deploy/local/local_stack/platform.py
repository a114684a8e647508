"""The whole platform of this checkout: the stack and the services on it, from start to end."""

import fcntl
import os
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import services
from local_stack.places import STATE
from local_stack.ports import PORTS_OF, SERVICES, Ports
from local_stack.processes import Process, end_all, wait_ready
from local_stack.stack import Stack
from local_stack.steps import Trouble
from local_stack.tools import install_all

WATCH_SECONDS = 0.5


@dataclass
class Platform:
    """Running parts and services, and the folder of their data."""

    stack: Stack
    folder: Path
    services: list[Process] = field(default_factory=lambda: [])

    @classmethod
    @contextmanager
    def start(cls, folder: Path, parts: Sequence[str], with_services: bool, ports: Ports) -> "Generator[Platform]":
        """Start `parts`, and the services if wanted; all end with the context, the services first. Raises Trouble."""
        tools = install_all()
        ports.refuse_taken(
            [name for part in parts for name in PORTS_OF[part]] + (list(SERVICES) if with_services else [])
        )
        started = time.monotonic()
        with Stack.start(folder, parts, ports, tools, wait_for=("kafka", "mongo")) as stack:
            platform = cls(stack, folder)
            try:
                if with_services:
                    platform._start_services()
                stack.wait()
                print(f"✓ {', '.join(process.name for process in platform.all())} up  ", end="")
                print(f"{time.monotonic() - started:.1f} s", flush=True)
                yield platform
            finally:
                end_all(platform.services)

    def all(self) -> list[Process]:
        return [*self.stack.parts.values(), *self.services]

    def check(self) -> None:
        """Raises Trouble when a process ended by itself."""
        for process in self.all():
            process.check()

    def watch(self) -> None:
        """Stay until Ctrl-C. Raises Trouble when a process ends by itself."""
        try:
            while True:
                self.check()
                time.sleep(WATCH_SECONDS)
        except KeyboardInterrupt:
            print("\nending everything", flush=True)

    def _start_services(self) -> None:
        services.prepare(self.stack, self.folder)
        self.services = services.processes(self.stack, self.folder)
        for service in self.services:
            service.start()
        wait_ready(self.services)


@contextmanager
def own_data() -> Generator[Path]:
    """This checkout's folder, for one user at a time. Raises Trouble when another has it."""
    STATE.mkdir(exist_ok=True)
    with (STATE / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Trouble(
                f"this checkout's stack already runs (process {lock.read().strip()}): end it with Ctrl-C there first, "
                "or start a second with `up --ephemeral --ports-from 20000`"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield STATE


@contextmanager
def passing_data() -> Generator[Path]:
    """A folder that is forgotten at the end."""
    with tempfile.TemporaryDirectory(prefix="switchboard-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
