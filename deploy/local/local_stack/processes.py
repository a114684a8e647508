"""Processes that start together, are ready when they say so, and all end with whoever started them."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from local_stack.steps import Trouble

POLL_SECONDS = 0.05
START_SECONDS = 60
END_SECONDS = 10
LAST_LINES = 5
_PR_SET_PDEATHSIG = 1
_PRCTL: Callable[..., int] | None = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_SPAWNER = ThreadPoolExecutor(1, "spawner")
"""The kernel ends a child with the *thread* that started it, so all are started by one that lives as long as we do."""


@dataclass
class Process:
    """A program that runs beside us. `is_ready` is asked until it is true."""

    name: str
    command: Sequence[str]
    log: Path
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its output is added to the log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.running = spawn(self.command, self.environment, log)

    def check(self) -> None:
        """Raises Trouble with the end of its log when it has ended."""
        if self.running is not None and self.running.poll() is not None:
            lines = self.log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise Trouble(f"{self.name} ended by itself; the end of {self.log}:\n  " + "\n  ".join(lines))

    def stop(self, kind: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, without waiting."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(kind)

    def wait(self, seconds: float) -> None:
        """Wait for its end; after `seconds` it is killed."""
        if self.running is None:
            return
        try:
            self.running.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()
        self.running = None


def spawn(
    command: Sequence[str], environment: Mapping[str, str], log: IO[bytes] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that ends when we end, even when we are killed (Linux). Raises Trouble when it cannot start.

    With a log it runs beside us, in a session of its own, so that Ctrl-C reaches only us and we end it in order;
    without one it has our terminal.
    """
    dies_with_us = _dies_with(os.getpid()) if _PRCTL else None

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL if log else None,
            stdout=log,
            stderr=log,
            start_new_session=log is not None,
            preexec_fn=dies_with_us,
        )

    try:
        return _SPAWNER.submit(start).result()
    except OSError as error:
        raise Trouble(f"{command[0]} cannot be started: {error.strerror}") from None


def run_in_front(command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> int:
    """Run a program on our terminal to its end; returns its exit code. When we are interrupted, it ends first."""
    program = spawn(command, environment, cwd=cwd)
    try:
        return program.wait()
    finally:
        program.terminate()
        program.wait()


def wait_ready(processes: Sequence[Process], seconds: float = START_SECONDS) -> None:
    """Wait until all are ready. Raises Trouble when one ends or takes longer."""
    end = time.monotonic() + seconds
    waiting = list(processes)
    while waiting:
        for process in waiting:
            process.check()
        waiting = [process for process in waiting if not process.is_ready()]
        if waiting and time.monotonic() > end:
            raise Trouble(f"{waiting[0].name} is not ready after {seconds:.0f} s; see {waiting[0].log}")
        if waiting:
            time.sleep(POLL_SECONDS)


def end_all(processes: Sequence[Process], seconds: float = END_SECONDS) -> None:
    """Ask all to end, and see to it."""
    for process in processes:
        process.stop()
    end = time.monotonic() + seconds
    for process in processes:
        process.wait(end - time.monotonic())


def listens(port: int) -> Callable[[], bool]:
    """Whether somebody listens on `port` of the loopback."""

    def ask() -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ask


def answers(url: str) -> Callable[[], bool]:
    """Whether `url` answers 200; never asked through a proxy."""
    address = urlsplit(url)

    def ask() -> bool:
        connection = http.client.HTTPConnection(address.netloc, timeout=2)
        try:
            connection.request("GET", address.path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask


def _dies_with(parent: int) -> Callable[[], None]:
    def ask_the_kernel() -> None:
        if _PRCTL is not None:
            _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return ask_the_kernel
