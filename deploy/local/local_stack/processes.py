"""Processes that start together, are ready when they say so, and all end with whoever started them."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_stack.steps import Trouble

POLL_SECONDS = 0.05
LAST_LINES = 5
_PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    """A program that runs beside us. `is_ready` is asked until it is true."""

    name: str
    command: Sequence[str]
    log: Path
    is_ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches only us and we end it in order."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )

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


def wait_ready(processes: Sequence[Process], seconds: float = 60) -> None:
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


def end_all(processes: Sequence[Process], seconds: float = 10) -> None:
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
    """Whether `url` answers 200."""

    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    return ask


def _die_with_parent() -> None:
    """Even when we are killed, nothing of ours stays behind (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
