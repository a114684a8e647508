"""What a peer stands on: a virtual environment that is thrown away, and a PostgreSQL as it is shipped.

Nothing of either becomes a dependency of ours.
"""

import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent
UV = PEERS.parents[1] / ".tools" / "uv" / "bin" / "uv"
NOT_ROOT = "nobody"


class NotHere(Exception):
    """Why a peer cannot be measured on this machine, in words."""


def python_with(requirements: Path, folder: Path) -> Path:
    """A Python in `folder` that has these packages. Raises NotHere."""
    python = folder / "bin" / "python"
    _run([str(UV), "venv", "--quiet", "--python", sys.executable, str(folder)])
    _run([str(UV), "pip", "install", "--quiet", "--python", str(python), "--requirement", str(requirements)])
    return python


@contextmanager
def postgres() -> Generator[Path]:
    """The folder with the socket of a PostgreSQL whose user is `postgres`. Raises NotHere.

    It refuses to run as root, so then it runs as somebody else, whose the folder is.
    """
    with tempfile.TemporaryDirectory() as folder:
        how: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            known = pwd.getpwnam(NOT_ROOT)
            os.chown(folder, known.pw_uid, known.pw_gid)
            how |= {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}
        data = f"{folder}/data"
        _run(["initdb", "-D", data, "-U", "postgres", "-A", "trust"], **how)
        control = ["pg_ctl", "-D", data, "-w", "-l", f"{folder}/log"]
        _run([*control, "-o", f"-k {folder} -c listen_addresses=", "start"], **how)
        try:
            yield Path(folder)
        finally:
            _run([*control, "-m", "fast", "stop"], **how)


def _run(command: Sequence[str], **options: Any) -> None:
    """Raises NotHere with the end of what it said."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, **options)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        raise NotHere(f"{Path(command[0]).name} failed: {said[-1] if said else error.returncode}") from None
    except FileNotFoundError:
        raise NotHere(f"there is no {command[0]}") from None
