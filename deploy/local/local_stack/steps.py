"""A step of the installation: skipped when it is done, whole or not at all, with one line of progress or of trouble."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path


class Trouble(Exception):
    """Something the user must do; its text is the one line that says what."""


def step(name: str, is_done: bool, make: Callable[[], None]) -> None:
    """Run `make` unless it `is_done` already, and say so in one line."""
    if is_done:
        print(f"✓ {name} (cached)", flush=True)
        return
    started = time.monotonic()
    if sys.stdout.isatty():
        print(f"… {name}", end="\r", flush=True)
    make()
    print(f"✓ {name}  {time.monotonic() - started:.1f} s", flush=True)


def folder(name: str, target: Path, make: Callable[[Path], None]) -> Path:
    """The step that makes the folder `target` by `make(temporary folder)`; returns the folder.

    It is renamed into place when it is complete: a broken install leaves nothing that looks whole, and two at once do
    not disturb each other.
    """

    def make_whole() -> None:
        _forget_interrupted(target)
        temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
        temporary.mkdir(parents=True)
        try:
            make(temporary)
            temporary.rename(target)
        except OSError:
            if not target.exists():  # else another install was faster, and its folder is as good
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    step(name, target.exists(), make_whole)
    return target


def run(command: Sequence[str | Path], failure: str, cwd: Path | None = None, **environment: str) -> str:
    """The output of `command`. Raises Trouble with `failure` and the command's last line when it fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command], cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True
        )
    except OSError as error:
        raise Trouble(f"{failure} ({command[0]}: {error.strerror})") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Trouble(f"{failure} ({said[-1].strip() if said else f'exit code {done.returncode}'})")
    return done.stdout


def complain(trouble: Trouble) -> int:
    """Say what to do, and return the exit code."""
    print(f"✗ {trouble}", file=sys.stderr, flush=True)
    return 1


def _forget_interrupted(target: Path) -> None:
    """Remove what installs of `target` left behind that were killed."""
    for left in target.parent.glob(f"{target.name}.*.part"):
        try:
            os.kill(int(left.name.split(".")[-2]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
