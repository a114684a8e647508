"""What a running service needs of its machine."""

from pathlib import Path

import psutil

from tests.support.platform import Service


def memory_mb(service: Service) -> float:
    """As it is now."""
    return _process(service).memory_info().rss / 1e6


def peak_mb(service: Service) -> float:
    """The most that it had at any moment, as Linux tells it."""
    status = Path(f"/proc/{_process(service).pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


def cpu_seconds(service: Service) -> float:
    """Since it began."""
    times = _process(service).cpu_times()
    return times.user + times.system


def _process(service: Service) -> psutil.Process:
    assert service.process is not None
    return psutil.Process(service.process.pid)
